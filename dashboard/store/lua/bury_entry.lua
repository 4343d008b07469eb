-- Move a pending entry to the dead letters with its error, and acknowledge it.
-- KEYS[1] stream  KEYS[2] dead letters  KEYS[3] fates hash
-- ARGV[1] group  ARGV[2] entry id  ARGV[3] error  ARGV[4] at most how many dead letters
-- Returns the dead letter's id, or false where the entry is not pending (finished before)
local MOST = 4000 -- values that Lua can hand on at once; an entry with more is named, not kept
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)[1]
if not pending then return false end
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
local fields, origin = entry and entry[2] or {}, ARGV[2]
for i = 1, #fields, 2 do
  if fields[i] == 'retry-of' then origin = fields[i + 1] end
end
if #fields > MOST then fields = {} end
local letter = redis.call('XADD', KEYS[2], '*', 'dead:entry', ARGV[2], 'dead:origin', origin, 'dead:group', ARGV[1],
  'dead:deliveries', pending[4], 'dead:error', ARGV[3], unpack(fields))
redis.call('HSET', KEYS[3], origin, letter)
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
while redis.call('XLEN', KEYS[2]) > tonumber(ARGV[4]) do
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', KEYS[2], oldest[1])
  if redis.call('HGET', KEYS[3], oldest[2][4]) == oldest[1] then redis.call('HDEL', KEYS[3], oldest[2][4]) end
end
return letter
