-- Add an entry to a stream that is not full. What a worker has not finished is never trimmed to make room.
-- KEYS[1] stream
-- ARGV[1] at most how many entries  ARGV[2..] field, value, field, value, ...
-- Returns the entry's id, or false where the stream is full
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
