-- Count the players of a ranking by score, in bins of one round width (1, 2 or 5 times a power of ten).
-- KEYS[1] ranking
-- ARGV[1] at most how many bins  ARGV[2] where scores decay: half-lives until the moment of the look, '' elsewhere
-- ARGV[3] ARGV[4] lowest and highest score, where the ranking is a part of another one
-- Returns {lowest score of the first bin, width, count, count, ...}, or {} for an empty ranking
local low = ARGV[3] or redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if not low then return {} end
-- beyond that, where other programs may go, numbers are not exact, and one more may be the same: the outer bins hold the rest
local MAX = 9007199254740991
local function bound(score)
  if ARGV[2] ~= '' then score = math.floor(2 ^ (score - ARGV[2]) + 0.5) end
  return math.max(-MAX, math.min(MAX, tonumber(score)))
end
low = bound(low)
local high = bound(ARGV[4] or redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])
local function text(number) return string.format('%.0f', number) end
-- the score at which a bin begins, as the ranking has it
local function edge(number)
  if ARGV[2] == '' then return text(number) end
  return number < 1 and '-inf' or string.format('%.17g', math.log(number - 0.5) / math.log(2) + ARGV[2])
end

local want, width, power, first = (high - low + 1) / (ARGV[1] - 1), 1, 1, nil
while width < want do
  for _, digit in ipairs({1, 2, 5}) do
    width = digit * power
    if width >= want then break end
  end
  power = power * 10
end
first = math.max(math.floor(low / width) * width, -MAX)
local reply = {text(first), text(width)}
local from = first
while from <= high do
  reply[#reply + 1] = redis.call('ZCOUNT', KEYS[1], from == first and '-inf' or edge(from),
    from + width > high and '+inf' or '(' .. edge(from + width))
  from = from + width
end
return reply
