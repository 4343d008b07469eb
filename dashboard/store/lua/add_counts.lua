-- Add to counters that are kept in buckets of time; the first call in a new bucket drops those past the window.
-- KEYS[1] hash: 'bucket:name' -> count
-- ARGV[1] length of a bucket, ms  ARGV[2] how many buckets are kept  ARGV[3..] name, how much, name, how much, ...
-- Returns the bucket
local time = redis.call('TIME')
local step, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / step)
local prefix = string.format('%.0f:', bucket)
if redis.call('HSETNX', KEYS[1], prefix, 1) == 1 then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if tonumber(string.match(field, '^%d+')) <= bucket - keep then redis.call('HDEL', KEYS[1], field) end
  end
end
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], prefix .. ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', step * keep))
return prefix
