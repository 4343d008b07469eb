-- Add an entry to a stream that is not full. What a worker has not finished is never trimmed to make room.
-- KEYS[1] stream  KEYS[2..] hash of the request that adds it, if that is to add it once
-- ARGV[1] at most how many entries  ARGV[2] print of the request's body  ARGV[3] ms it is remembered
-- ARGV[4..] field, value, field, value, ...
-- Returns {'added', id}, {'again', id of then}, {'conflict'} where the request came with another body, or {'full'}
local request = KEYS[2]
if request then
  local print, id = unpack(redis.call('HMGET', request, 'print', 'id'))
  if print then return print == ARGV[2] and {'again', id} or {'conflict'} end
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return {'full'} end
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 4))
if request then
  redis.call('HSET', request, 'print', ARGV[2], 'id', id)
  redis.call('PEXPIRE', request, ARGV[3])
end
return {'added', id}
