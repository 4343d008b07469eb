"""Names that players of a game give themselves, in the scripts they write.

Owns: the lists, and making as many different names of them as are asked for. Leaves to others: who plays well (`world.py`).
"""

from collections.abc import Iterator
from random import Random

# One line each: first parts of made-up names, second parts, accented names; then one line per script.
WORDS = """\
Nova Blaze Vega Ember Falcon Onyx Pixel Rook Saga Tango Zephyr Comet Drift Echo Frost Glitch Indigo Jinx Karma Lynx Mango
Fox Wolf Storm Byte Star Moth Knight Owl Spark Shade Wave Hawk Bear Leaf Stone Rider Smith Ghost Crow Tiger
Zoë Łukasz Søren Åsa Núria Jürgen Çağla Žofie Ólafur Mónika Ștefan Đorđe Aimée Iñigo Małgosia Þóra Ngọc Tiên Régis Õnne
Мария Иван Светлана Дмитро Олена Борис Милица Тимур Анастасия Руслан
Ελένη Νίκος Δήμητρα Γιώργος Αθηνά Στέλιος
さくら たろう ミカ ハルト ゆうき 陽菜 健太 アオイ りん ソラ
小龙 李雷 美玲 晓明 雨桐 子涵 阿福 志强
민준 서연 지우 하은 도윤 수빈 예린 태양
أمير ليلى يوسف نور سلمى طارق
נועה יונתן תמר איתן מאיה
अर्जुन प्रिया रोहन अनन्या विक्रम दिया
สมชาย มะลิ ธนา ฟ้า
ნინო გიორგი თამარი
Արամ Անի Տիգրան
ሰላም አበበ ሳባ
தமிழ் கவின் மீனா
"""
FIRST, SECOND, ACCENTED, *OTHERS = (line.split() for line in WORDS.splitlines())


def player_names(random: Random) -> Iterator[str]:
    """Different names without end, the same for the same random source."""
    given: set[str] = set()
    while True:
        name = _name(random)
        while name in given:
            name += str(random.randrange(10))
        given.add(name)
        yield name


def _name(random: Random) -> str:
    kind = random.random()
    if kind < 0.30:
        return random.choice(FIRST) + random.choice(SECOND)
    if kind < 0.50:
        return f"{random.choice(FIRST)}{random.choice(('', '_', '.'))}{random.randrange(7, 100):02}"
    if kind < 0.65:
        return random.choice(ACCENTED)
    return random.choice(random.choice(OTHERS))
