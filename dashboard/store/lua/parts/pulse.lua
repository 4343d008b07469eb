-- A new bucket of time: what stands now is how the last one ended. Part of submit_scores.lua alone. PULSES is what stays
-- where no archiver comes: a day of activity.
local STEP_MS, PULSES = 5000, 17280
local bucket, bucket_scores = math.floor(now / STEP_MS), tonumber(stored[4] or 0)
if stored[3] and tonumber(stored[3]) < bucket then
  local pulse = {'at', text(stored[3] * STEP_MS), 'scores', text(bucket_scores), 'version', stored[2] or '0'}
  for i = 1, current do
    local rows = read_rows(KEYS[6 + 3 * i], KEYS[8 + 3 * i], 0, 9)
    for at = 1, #rows, 3 do
      rows[at] = string.sub(rows[at], width + 1)
      if half_life_ms then rows[at + 1] = worth(rows[at + 1], (stored[3] + 1) * STEP_MS) end
    end
    table.insert(rows, 1, redis.call('ZCARD', KEYS[6 + 3 * i]))
    pulse[#pulse + 1], pulse[#pulse + 2] = ARGV[11 + 2 * i], cjson.encode(rows)
  end
  redis.call('XADD', history, 'MAXLEN', '~', PULSES, '*', unpack(pulse))
  redis.call('HSET', hash, 'bucket', text(bucket), 'bucket_scores', '0') -- noted once, even if nothing is taken below
  bucket_scores = 0
end
bucket = math.max(bucket, tonumber(stored[3] or 0))
