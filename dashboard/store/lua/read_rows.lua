-- Read some rows of one ranking, with the version they stand at.
-- KEYS[1] board hash  KEYS[2] ranking  KEYS[3] its runs  KEYS[4] its levels
-- ARGV[1] the board's rules as JSON  ARGV[2] how many rows (not for 'around')
-- ARGV[3] where they begin: 'at' (ARGV[4] = rows before), 'after' (ARGV[4] score, ARGV[5] member: behind where that
--   row stands or would stand), 'around' (ARGV[4] player, ARGV[5] rows above and below), or 'players' (ARGV[4..] those
--   whose rows are wanted)
-- Of groups `rules.groups_of` says how the names of their rankings begin; the data of a row is its number of members.
-- Returns {revision or '', version, players, rows before, member, score, rank, data, member, ...}; rows before = -1 where
--   the player of 'around' is absent
local rules = cjson.decode(ARGV[1])
--@ runs.lua ranks.lua
local ranking, runs, levels = KEYS[2], KEYS[3], KEYS[4]
local stored = redis.call('HMGET', KEYS[1], 'revision', 'version', 'data')

local start, stop = -1, -1
if ARGV[3] == 'around' then
  local kept = width > 0 and redis.call('HGET', runs, ARGV[4]) or ''
  local rank = #kept >= width and redis.call(rank_of, ranking, string.sub(kept, 1, width) .. ARGV[4])
  if rank then start, stop = math.max(0, rank - ARGV[5]), rank + ARGV[5] end
elseif ARGV[3] == 'players' then start = 0
elseif ARGV[3] == 'at' then start = tonumber(ARGV[4])
else
  local held = redis.call('ZSCORE', ranking, ARGV[5])
  local stands = held and tonumber(held) == tonumber(ARGV[4])
  start = stands and redis.call(rank_of, ranking, ARGV[5]) + 1 or count_before(ranking, ARGV[4], ARGV[5])
end
if stop < 0 then stop = start + ARGV[2] - 1 end
local rows = start >= 0 and stop >= start and read_rows(ranking, levels, start, stop) or {}
for i = 4, ARGV[3] == 'players' and #ARGV or 0 do
  local run = find_run(ranking, runs, ARGV[i], width == 0)
  local n, rank = #rows, run and find_rank(ranking, levels, run, ARGV[i])
  if run then rows[n + 1], rows[n + 2], rows[n + 3] = run.prefix .. ARGV[i], text(run.score), rank end
end
local reply = {stored[1] or '', stored[2] or '0', redis.call('ZCARD', ranking), start}
for i = 1, #rows, 3 do
  local data = ''
  if rules.groups_of then data = text(redis.call('ZCARD', rules.groups_of .. rows[i]))
  elseif stored[3] then data = string.sub(redis.call('HGET', runs, string.sub(rows[i], width + 1)) or '', width + 1) end
  for _, value in ipairs({rows[i], rows[i + 1], rows[i + 2], data}) do reply[#reply + 1] = value end
end
return reply
