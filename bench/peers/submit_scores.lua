-- What a user would write: rank the scores of one board, note each as an event, raise the version, tell listeners.
-- KEYS[1] sorted set of the board  KEYS[2] stream of events  KEYS[3] hash with version and rung (ms)
-- ARGV[1] name of the board  ARGV[2..] per score: player, score
-- Returns per score: {score held, rank from 0, rank before or -1, changed 0|1, players, id of the event}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replies, any = {}, 0
for a = 2, #ARGV, 2 do
  local player, score = ARGV[a], ARGV[a + 1]
  local before = redis.call('ZREVRANK', KEYS[1], player) or -1
  local changed = redis.call('ZADD', KEYS[1], 'GT', 'CH', score, player)
  any = any + changed
  local held = redis.call('ZSCORE', KEYS[1], player)
  local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*',
    'player', player, 'score', score, 'held', held, 'at', string.format('%d', now))
  local rank = redis.call('ZREVRANK', KEYS[1], player)
  replies[#replies + 1] = {held, rank, before, changed, redis.call('ZCARD', KEYS[1]), id}
end
if any > 0 then
  redis.call('HINCRBY', KEYS[3], 'version', 1)
  if now - tonumber(redis.call('HGET', KEYS[3], 'rung') or 0) >= 50 then
    redis.call('HSET', KEYS[3], 'rung', string.format('%d', now))
    redis.call('PUBLISH', 'changed', ARGV[1])
  end
end
return replies
