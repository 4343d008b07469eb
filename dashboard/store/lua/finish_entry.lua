-- Finish an entry: apply its effects and acknowledge it, if it is still pending; else nothing, so never twice.
-- KEYS[1] stream  KEYS[2] fates hash  KEYS[3..] keys of the effects
-- ARGV[1] group  ARGV[2] entry id  ARGV[3] the id it had before it was put back, or the same
-- ARGV[4..] per effect: how many words follow, command, which of KEYS it takes (0: none), further words
-- Returns 1, or 0 where the entry is not pending (finished before)
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
local at = 4
while at <= #ARGV do
  local words = {unpack(ARGV, at + 1, at + ARGV[at])}
  local key = tonumber(table.remove(words, 2))
  if key > 0 then table.insert(words, 2, KEYS[key]) end
  redis.call(unpack(words))
  at = at + 1 + ARGV[at]
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] ~= ARGV[2] then redis.call('HDEL', KEYS[2], ARGV[3]) end
return 1
