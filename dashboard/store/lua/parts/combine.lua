-- What a score makes of a run, by the board's rule. Uses what runs.lua and decay.lua define.
-- whether run a ranks before run b: by score, then by the columns in turn
local function is_better(a, b)
  if a.score ~= b.score then return (a.score > b.score) == down end
  for i, order in ipairs(rules.columns) do
    if a.values[i] ~= b.values[i] then return (a.values[i] > b.values[i]) == (order == 'desc') end
  end
  return false
end

local function add(a, b) return half_life_ms and add_weights(a, b) or a + b end

-- the score that a player may hold
local function bound(score) return math.max(rules.min or -MAX, math.min(rules.max or MAX, score)) end

-- the run to which a score leads from `old`, or `old` itself where nothing changes; nil where sums stop being exact
local function combine(old, score, at, turn, more)
  local sums, values = old and rules.rule == 'sum', {}
  if half_life_ms then score = weigh(score, at) end
  if sums then score = add(old.score, score) end
  local same, exact = true, math.abs(score) <= MAX
  score = bound(score)
  for i, value in ipairs(more.columns or {}) do
    values[i] = sums and old.values[i] + value or value
    same, exact = same and old and values[i] == old.values[i], exact and math.abs(values[i]) <= MAX
  end
  if not exact then return nil end
  same = old and same and score == old.score
  local run = {score = score, values = values, data = more.data or sums and old.data or ''}
  if old and rules.rule == 'best' and not is_better(run, old) or same and run.data == old.data then return old end
  if timed and sums then at = math.max(at, read_time(old.prefix)) end
  run.prefix = same and old.prefix or make_prefix(values, at, turn)
  return run
end

-- what a player has who has one run from earlier and one from later (either may be nil); sums stop where they would stop being exact
local function merge_runs(earlier, later)
  if not earlier or not later or rules.rule == 'last' then return later or earlier end
  if rules.rule == 'best' then return is_better(later, earlier) and later or earlier end
  local values, at = {}, timed and math.max(read_time(earlier.prefix), read_time(later.prefix)) or 0
  for i, value in ipairs(earlier.values) do values[i] = math.max(-MAX, math.min(MAX, value + later.values[i])) end
  return {score = bound(add(earlier.score, later.score)), values = values, prefix = make_prefix(values, at, 0),
    data = later.data ~= '' and later.data or earlier.data}
end
