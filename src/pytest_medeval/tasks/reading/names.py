"""What common drugs of examination questions are called in other languages than the question's."""

from __future__ import annotations

from typing import Final

_NAMES = """
aspirin|acetylsalicylic acid|阿司匹林|アスピリン|아스피린|аспирин|الأسبرين|أسبرين|एस्पिरिन|aspirina|aspirine
heparin|肝素|ヘパリン|헤파린|гепарин|الهيبارين|هيبارين|हेपरिन|हेपारिन|heparina|héparine|eparina
warfarin|华法林|ワルファリン|와파린|варфарин|الوارفارين|وارفارين|वारफारिन|warfarina|varfarina|warfarine
insulin|胰岛素|インスリン|인슐린|инсулин|الأنسولين|أنسولين|इंसुलिन|insulina|insuline
metformin|二甲双胍|メトホルミン|메트포르민|метформин|ميتفورمين|मेटफॉर्मिन|metformina|metformine
penicillin|青霉素|ペニシリン|페니실린|пенициллин|البنسلين|بنسلين|पेनिसिलिन|penicilina|pénicilline|penicillina
amoxicillin|阿莫西林|アモキシシリン|아목시실린|амоксициллин|أموكسيسيلين|एमोक्सिसिलिन|amoxicilina|amoxicilline|amoxicillina
vancomycin|万古霉素|バンコマイシン|반코마이신|ванкомицин|فانكومايسين|वैनकोमाइसिन|vancomicina|vancomycine
ibuprofen|布洛芬|イブプロフェン|이부프로펜|ибупрофен|إيبوبروفين|इबुप्रोफेन|ibuprofeno|ibuprofène|ibuprofene
paracetamol|acetaminophen|对乙酰氨基酚|扑热息痛|アセトアミノフェン|아세트아미노펜|парацетамол|باراسيتامول|पैरासिटामोल|paracétamol|paracetamolo
morphine|吗啡|モルヒネ|모르핀|морфин|مورفين|मॉर्फिन|morfina|morphin
adrenaline|epinephrine|肾上腺素|アドレナリン|에피네프린|адреналин|أدرينالين|एड्रेनालाईन|adrenalina|adrénaline|adrenalin
atropine|阿托品|アトロピン|아트로핀|атропин|أتروبين|एट्रोपिन|atropina|atropin
digoxin|地高辛|ジゴキシン|디곡신|дигоксин|ديجوكسين|डिगॉक्सिन|digoxina|digoxine|digossina
furosemide|呋塞米|フロセミド|푸로세미드|фуросемид|فوروسيميد|फ्यूरोसेमाइड|furosemida|furosémide|furosemid
prednisone|泼尼松|プレドニゾン|프레드니손|преднизон|بريدنيزون|प्रेडनिसोन|prednisona|prednison
"""

_LINES: Final = [frozenset(line.split("|")) for line in _NAMES.split("\n") if line]


def other_names(text: str) -> frozenset[str]:
    """Give the other names of a drug, none for what the table does not hold.

    >>> "肝素" in other_names("Heparin")
    True
    """
    named = text.strip().casefold()
    return next((line - {named} for line in _LINES if named in line), frozenset())
