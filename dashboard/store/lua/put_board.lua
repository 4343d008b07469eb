-- Declare a board, or change its settings if nobody changed them meanwhile.
-- KEYS[1] board hash  KEYS[2] set of periods  KEYS[3] review stream
-- ARGV[1] revision the caller saw ('' = the board is absent)  ARGV[2] new revision  ARGV[3] settings as JSON
-- ARGV[4] '1' where the change would re-rank stored scores: without any the board's life begins anew  ARGV[5] a period that has a ranking already, or ''
-- Returns {'ok'}, {'revision'} (read again), {'scores'} (refused: scores are stored, or wait for review)
local stored = redis.call('HMGET', KEYS[1], 'revision', 'version')
if (stored[1] or '') ~= ARGV[1] then return {'revision'} end
if ARGV[4] == '1' and (tonumber(stored[2] or 0) > 0 or redis.call('XLEN', KEYS[3]) > 0) then return {'scores'} end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'settings', ARGV[3])
redis.call(ARGV[4] == '1' and 'HSET' or 'HSETNX', KEYS[1], 'life', ARGV[2])
if ARGV[5] ~= '' then redis.call('SADD', KEYS[2], ARGV[5]) end
return {'ok'}
