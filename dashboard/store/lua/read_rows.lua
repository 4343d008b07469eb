-- Read some rows of one ranking, with the version they stand at.
-- KEYS[1] board hash  KEYS[2] ranking
-- ARGV[1] order  ARGV[2] how many rows (not for 'around')
-- ARGV[3] where they begin: 'at' (ARGV[4] = rows before), 'after' (ARGV[4] score, ARGV[5] player: behind where that
--   row stands or would stand), 'around' (ARGV[4] player, ARGV[5] rows above and below)
-- Returns {revision or '', version, players, rows before, player, score, player, score, ...}; rows before = -1 where
--   the player of 'around' is absent
local ranking, down = KEYS[2], ARGV[1] == 'desc'
local rank_of, range = down and 'ZREVRANK' or 'ZRANK', down and 'ZREVRANGE' or 'ZRANGE'
local stored = redis.call('HMGET', KEYS[1], 'revision', 'version')
local players = redis.call('ZCARD', ranking)

-- byte order, as sorted sets compare members (the operator < would follow the server's locale)
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function behind(score, player)
  if tonumber(redis.call('ZSCORE', ranking, player) or nil) == tonumber(score) then
    return redis.call(rank_of, ranking, player) + 1
  end
  local low = redis.call('ZCOUNT', ranking, down and '(' .. score or '-inf', down and '+inf' or '(' .. score)
  local high = low + redis.call('ZCOUNT', ranking, score, score)
  while low < high do -- among equal scores: the first row that stands behind `player`
    local middle = math.floor((low + high) / 2)
    local member = redis.call(range, ranking, middle, middle)[1]
    local ahead = down and before(player, member) or not down and before(member, player)
    if ahead then low = middle + 1 else high = middle end
  end
  return low
end

local start, stop = -1, -1
if ARGV[3] == 'around' then
  local rank = redis.call(rank_of, ranking, ARGV[4])
  if rank then start, stop = math.max(0, rank - ARGV[5]), rank + ARGV[5] end
else
  start = ARGV[3] == 'at' and tonumber(ARGV[4]) or behind(ARGV[4], ARGV[5])
  stop = start + ARGV[2] - 1
end
local rows = start >= 0 and redis.call(range, ranking, start, stop, 'WITHSCORES') or {}
return {stored[1] or '', stored[2] or '0', players, start, unpack(rows)}
