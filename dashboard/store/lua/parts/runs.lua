-- A run is what a player has in a ranking: a score, and a prefix of fixed width that stands before the player's name in
-- the member and so orders equal scores: 15 characters for each column, and with ties `first` 13 for the time at which it
-- was reached and 10 for its turn among those of one time. Whatever ranks first stands first where members are read in
-- the board's order. Wants `rules`: order, ties, columns (the order of each). `core/runs.py` reads prefixes.
local MAX, FIRST_MS, TIMES, TURNS = 9007199254740991, 62135596800000, 1125899906842624, 1099511627775
local down, timed = rules.order == 'desc', rules.ties == 'first'
local columns_width = 15 * #rules.columns
local width = columns_width + (timed and 23 or 0)

local function text(number) return string.format(number % 1 == 0 and '%.0f' or '%.17g', number) end

-- the prefix of a run: `values` of its columns, reached at `at`, in its turn
local function make_prefix(values, at, turn)
  local parts = {}
  for i, order in ipairs(rules.columns) do
    local value = order == rules.order and values[i] or -values[i]
    parts[i] = value < 0 and string.format('0%014x', MAX + value) or string.format('1%014x', value)
  end
  if timed then
    local time = at + FIRST_MS
    parts[#parts + 1] = string.format('%013x%010x', down and TIMES - time or time, down and TURNS - turn or turn)
  end
  return table.concat(parts)
end

local function read_values(prefix)
  local values = {}
  for i, order in ipairs(rules.columns) do
    local value = tonumber(string.sub(prefix, 15 * i - 13, 15 * i), 16)
    if string.sub(prefix, 15 * i - 14, 15 * i - 14) == '0' then value = value - MAX end
    values[i] = order == rules.order and value or -value
  end
  return values
end

local function read_time(prefix)
  local time = tonumber(string.sub(prefix, columns_width + 1, columns_width + 13), 16)
  return (down and TIMES - time or time) - FIRST_MS
end

-- a run as text that loses nothing, and back: for what is kept outside of rankings
local function keep_run(run) return {score = text(run.score), prefix = run.prefix, data = run.data} end
local function read_kept(kept)
  if not kept then return nil end
  return {score = tonumber(kept.score), prefix = kept.prefix, values = read_values(kept.prefix), data = kept.data}
end

-- what a player has in a ranking, nil for nothing; `plain`: nobody has more there than a score
local function find_run(ranking, runs, player, plain)
  local kept = plain and '' or redis.call('HGET', runs, player) or ''
  local prefix = string.sub(kept, 1, width)
  local score = #kept >= width and redis.call('ZSCORE', ranking, prefix .. player)
  return score and read_kept({score = score, prefix = prefix, data = string.sub(kept, width + 1)}) or nil
end
