-- End a board's running season and begin the next one, once for each time that the lock was taken.
-- KEYS[1] board hash
-- ARGV[1] revision  ARGV[2] new revision: plans made before are refused and made anew  ARGV[3] fence of the lock
-- ARGV[4] channel  ARGV[5] board
-- Returns {'ok', number of the season that runs now, since ms}, {'fence'} (a later holder was here), or {'revision'}
--   (read again)
local stored = redis.call('HMGET', KEYS[1], 'revision', 'seasons', 'season_fence')
local starts, fence, seen = cjson.decode(stored[2] or '[]'), tonumber(ARGV[3]), tonumber(stored[3] or 0)
local function text(number) return string.format('%.0f', number) end
if fence < seen then return {'fence'} end
if fence == seen then return {'ok', #starts + 1, text(starts[#starts])} end -- it was done, only the answer was lost
if stored[1] ~= ARGV[1] then return {'revision'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
starts[#starts + 1] = math.max(now, (starts[#starts] or 0) + 1)
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'seasons', cjson.encode(starts), 'season_fence', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return {'ok', #starts + 1, text(starts[#starts])}
