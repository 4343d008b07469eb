-- Scores that halve every `half_life_s` (a board's setting). A ranking then holds the weight of a player's posts: log2 of the
-- sum of points * 2^((played - EPOCH) / half-life). Weights never change by time alone, so neither do ranks; what a weight is
-- worth at a moment is 2^(weight - halvings until then). This is forward decay: Cormode, Shkapenyuk, Srivastava and Xu,
-- "Forward Decay: A Practical Time Decay Model for Streaming Systems", ICDE 2009. Uses what runs.lua defines;
-- `core/decay.py` does the same for readers.
local EPOCH_MS, LN2, LEAST = 1767225600000, math.log(2), -MAX -- 2026-01-01; LEAST is the weight of nothing
local half_life_ms = rules.half_life_s and 1000 * rules.half_life_s

local function halvings(at) return (at - EPOCH_MS) / half_life_ms end

local function weigh(points, at)
  if points == 0 then return LEAST end
  local fraction, power = math.frexp(points)
  return power + math.log(fraction) / LN2 + halvings(at)
end

local function add_weights(a, b)
  local high, low = math.max(a, b), math.min(a, b)
  if low == LEAST then return high end
  return high + math.log(1 + 2 ^ (low - high)) / LN2
end

-- what a ranking's score is at a moment, as text of an integer; on boards without decay the score itself
local function worth(score, at)
  if not half_life_ms then return text(score) end
  return text(math.min(MAX, math.floor(2 ^ (score - halvings(at)) + 0.5)))
end
