-- Delete a board with all its keys, if the caller knows all its periods.
-- KEYS[1] board hash  KEYS[2] set of periods  KEYS[3..] every other key of the board
-- ARGV[1] channel  ARGV[2] board  ARGV[3] how many periods the caller knows
-- Returns 'ok', 'absent', or 'periods' (one more was opened: read them again)
if redis.call('EXISTS', KEYS[1]) == 0 then return 'absent' end
if redis.call('SCARD', KEYS[2]) ~= tonumber(ARGV[3]) then return 'periods' end
for i = 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 'ok'
