-- Give a lease back whose load has failed, so that the next caller may try.
-- KEYS[1] entry
-- ARGV[1] token of the lease
-- Returns 1, or 0 where it was not the caller's any more
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'lease', 'leased_at', 'leased_until', 'leased_hold')
return 1
