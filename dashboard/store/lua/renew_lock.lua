-- Let a lock last longer, if it is still the caller's.
-- KEYS[1] lock hash
-- ARGV[1] token  ARGV[2] ttl in ms from now, '' = that of the acquisition
-- Returns the ttl in ms, or 0 for a stranger
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local ttl = ARGV[2] ~= '' and ARGV[2] or redis.call('HGET', KEYS[1], 'ttl')
redis.call('PEXPIRE', KEYS[1], ttl)
return tonumber(ttl)
