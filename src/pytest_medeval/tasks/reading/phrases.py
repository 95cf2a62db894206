"""The words that claim, deny, condition or attribute an answer, in twelve languages.

Each table names one kind of phrase; each of its lines is one language, its phrases parted by ``|``. All languages
count at once, as a reply may mix them. A phrase is a regular expression without unbounded repeats; a blank stands
for blanks. Phrases in letters with blanks between words are words of their own; in Chinese, Japanese and Korean,
which join them, they are found anywhere.
"""

from __future__ import annotations

import re
from typing import Final

WORD: Final = r"0-9A-Za-z\u00C0-\u024F\u0370-\u04FF\u0600-\u065F\u066E-\u06D3\u06F0-\u06FF\u0900-\u0963\u0966-\u097F"
"""Letters and digits of the scripts that put blanks between words (their full stops left out)."""
JOINED: Final = re.compile(r"[\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF]")

_PARTS: Final = re.compile(r"(?:\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\]|[^|()\[])+")
"""The parts of a line between its upright strokes, except those within brackets."""


def phrases(table: str) -> str:
    r"""Make one group of a table, the longest phrase first.

    >>> re.findall(phrases("is|is not\n是"), "this is not; 答案是A")
    ['is not', '是']
    """
    found = [phrase.strip() for line in table.splitlines() for phrase in _PARTS.findall(line) if phrase.strip()]
    found.sort(key=len, reverse=True)
    words = [phrase.replace(" ", r"\s{1,3}") for phrase in found if not JOINED.search(phrase)]
    within = [phrase for phrase in words if phrase[0] == "'" or phrase.startswith("n'")]
    opening = [phrase for phrase in words if phrase[-1] == "'"]
    groups = (
        rf"(?<![{WORD}])(?:{'|'.join(words)})(?![{WORD}])" if words else "",
        rf"(?<![{WORD}])(?:{'|'.join(opening)})" if opening else "",
        rf"(?:{'|'.join(within)})(?![{WORD}])" if within else "",
        "|".join(phrase.replace(" ", r"\s{0,3}") for phrase in found if JOINED.search(phrase)),
    )
    return f"(?:{'|'.join(filter(None, groups))})"


ANSWER: Final = phrases(r"""
the answer choice|answer choice|answer|answers|ans\.?|selected|chosen|solution|conclusion|result|final choice|correct letter|right letter
正确答案|参考答案|最终答案|最佳答案|标准答案|答案|正确选项|最佳选项|正确的选项|正确选择|答|结论
antwort|lösung|endantwort|antwortmöglichkeit|ergebnis
réponse|reponse|solution
respuesta|solución|resposta|solução|gabarito
risposta|soluzione
ответ|ответом|ответе
الإجابة|الاجابة|الجواب|إجابة|إجابتي|جواب
उत्तर|जवाब|सही विकल्प
正解|答え|回答|解答|正答
정답|답|답변
""")
"""What an answer is called."""

OPTION: Final = phrases(r"""
option|choice|letter|pick|selection|alternative|statement
选项|选择|项
auswahl|wahl|variante|buchstabe|aussage
option|choix|lettre|proposition
opción|opcion|alternativa|letra|elección|opção|opcao|escolha|alínea
opzione|scelta|lettera
вариант|вариантом|вариант ответа|буква|пункт|выбор
الخيار|خيار|الاختيار|الحرف|خياري
विकल्प|पसंद|अक्षर
選択肢|肢
보기|선택지|선지|선택
""")
"""What an option is called."""

FINDING: Final = phrases(r"""
diagnosis|treatment|drug|cause|next step|step|test|therapy|management|medication|condition|agent
诊断|治疗|药物|病因|检查|处理
diagnose|behandlung|ursache|medikament|therapie
diagnostic|traitement|médicament|diagnóstico|tratamiento|causa|tratamento|diagnosi|trattamento|farmaco|fármaco
диагноз|препарат|причина|лечение
التشخيص|العلاج|السبب|الدواء
निदान|उपचार|कारण|दवा
診断|治療|薬|原因
진단|치료|약물|원인
""")
"""What a question may ask for; only an option's text answers it."""

IS: Final = phrases(r"""
is|are|was|be|would be|should be|must be|has to be|will be|'s|would therefore be|seems to be|appears to be|would have to be|remains
应该是|应当是|应为|应该选|应该|应选|应|是|为|选择|选
ist|wäre|lautet|muss|sind|sollte|war|heißt
est|serait|doit être|c'est|sera
es|sería|sea|debe ser|é|está|estaria|seria|deve ser|será
è|e'|sarebbe|deve essere|dovrebbe essere
это|является|будет|должен быть|есть
هو|هي|يكون|تكون
है|होगा|होना चाहिए
は|が
은|는|이|가
""")

MIGHT_BE: Final = phrases(r"""
might be|could be|may be|can be|could also be|might|could|may|cannot be|can't be
可能是|可能为|也许是|或许是|可能
könnte|könnte auch|dürfte
pourrait être|peut être|pourrait
podría ser|puede ser|poderia ser|pode ser|potrebbe essere|può essere
может быть|мог бы быть|возможно
قد يكون|قد تكون|ربما
हो सकता है|हो सकती है|शायद
かもしれ|可能性があ
일 수도 있|수도 있|일지도
""")
"""A possibility, which is no answer."""

SURELY: Final = phrases(r"""
definitely|clearly|therefore|thus|hence|likely|most likely|probably|most probably|obviously|indeed|actually|simply|then|certainly|best|still|also|in fact|most
一定|就|很可能|最可能|显然|肯定|当然|只能
also|wohl|sicher|eindeutig|wahrscheinlich|somit|daher|hier|damit|definitiv
donc|sûrement|probablement|clairement|certainement
claramente|probablemente|seguramente|provavelmente|certamente|portanto|então|entonces|aquí
quindi|probabilmente|certamente|sicuramente
вероятно|скорее всего|очевидно|здесь|точно
بالتأكيد|إذن|على الأرجح
निश्चित रूप से|शायद ही|संभवतः
""")

THE: Final = phrases(r"""
the|an|(?-i:[aoe])|that|it|it is|it's|it would be|to|for|is|number|with|would be|should be|must be
que|la|el|lo|una|un|le|les|l'|der|die|das|dass|den|os|é|es|est|è|il|die antwort|por la|por el|pour la|pour le|pour l'|per la|per|für|auf|mit|der buchstabe
вариант|это|на|за|в пользу
هو|هي|أن
कि
""")
"""Small words before a letter or a text."""

PARTICLE: Final = phrases(r"""
मैं|मैंने
は|が|を|私は|で
은|는|이|가|저는|나는
是|选|为|项|即|和|或|与
""")
"""What leads to a letter in languages that put no small word of another kind there."""

RIGHT: Final = phrases(r"""
correct|right|true|answer|correct answer|right answer|best|best answer|best choice|best option|correct choice|correct option|right choice|right option|correct one|right one|most likely(?! to)|most probable|most appropriate|best next step|best initial|most suitable|preferred answer|my answer|my choice|my final answer|final answer|correct diagnosis|better|preferable|better choice|better answer|only correct|better here
正确|对的|正确答案|正确的|对|最佳选择|最佳|最合适|最可能|答案|更好|正解
richtig|korrekt|die richtige|richtige antwort|die beste|zutreffend|stimmt|am besten|am wahrscheinlichsten|besser
correcte?s?|bonne réponse|exacte?|juste|vraie?|meilleure?|réponse correcte|la bonne|la réponse
correct[ao]s?|cert[ao]|respuesta|respuesta correcta|la correcta|verdader[ao]|mejor|adecuad[ao]|más probable|mais provável|resposta|resposta correta|corret[ao]s?|verdadeir[ao]|melhor|a correta
corrett[ao]|giust[ao]|risposta|risposta corretta|esatt[ao]|migliore|più probabile
правильн(?:ый|ая|ое|о|ым|ой)|вер(?:ен|на|но|ный|ная|ным)|правильный ответ|лучш(?:ий|е)|наиболее вероят(?:ен|но|ный)|ответ
صحيحة?|الصحيحة?|الإجابة الصحيحة|الجواب الصحيح|صواب|الأفضل|الأصح|أفضل
सही|सही उत्तर|सही विकल्प|उत्तर|ठीक|बेहतर|सर्वोत्तम
正解|正しい|正答|答え|適切|最も適切|最適|最も可能性が高い
정답|맞습니다|맞다|옳습니다|옳다|옳은|올바른|맞는|답입니다|적절|가장 적절
""")
"""Praise that makes an option the answer."""

WRONG: Final = phrases(r"""
wrong|incorrect|false|mistaken|mistake|untrue|incorrectly|inappropriate|contraindicated|unsuitable|inaccurate|unlikely|less likely|least likely|implausible|excluded|ruled out|rule out|out of the question|a distractor|error|rejected|eliminated|eliminate|exclude|reject|avoid|misleading|worse|refuted|disproved|irrelevant|avoided|stopped|withheld|harmful|dangerous|outdated|obsolete|unsafe|impossible|doubtful|questionable
错误|错的|不对|不正确|有误|排除|禁忌|错|误|不当|不可能
falsch|inkorrekt|unzutreffend|unwahrscheinlich|ausgeschlossen|kontraindiziert|irrtum|fehler|ausschließen|unmöglich
fauss?e?s?|incorrecte?s?|erronée?s?|inexacte?|improbable|contre-indiquée?s?|erreur|exclure|exclue?s?|peu probable
incorrect[ao]s?|fals[ao]s?|err[óo]ne[ao]s?|equivocad[ao]s?|improbable|contraindicad[ao]s?|error|descartad[ao]s?|descartar|incorret[ao]s?|errad[ao]s?|improvável|contraindicad[ao]s?|erro|excluir|erro
sbagliat[ao]|errat[ao]|scorrett[ao]|fals[ao]|improbabile|controindicat[ao]|errore|esclus[ao]|escludere
невер(?:ен|на|но|ный|ная|ное|ным)|неправиль(?:ный|ная|ное|но|ным|ной)|ошибоч(?:ный|ная|ное|но|ен|на)|ошибка|ошибкой|маловероят(?:ен|на|но|ный)|исключ(?:ить|ен|ён|ена|ено|аем)|противопоказан[аоы]?|ложь|ложно
خاطئة?|خطأ|الخطأ|غير صحيحة?|مستبعدة?|استبعاد|نستبعد|مستحيل
गलत|ग़लत|असत्य|असंभव|त्रुटि|अनुचित
間違い|間違っ|誤り|誤っ|不適切|不正解|除外|まちがい|禁忌|違う|違い|考えにく
틀렸|틀린|틀립|오답|잘못|부적절|제외|배제|금기|거짓
""")

NOT: Final = phrases(r"""
not|no|never|cannot|can't|isn't|wasn't|aren't|don't|doesn't|didn't|won't|wouldn't|couldn't|shouldn't|neither|nor|without|hardly|nothing|nobody|non|n't|isnt|dont|doesnt|cant|no one|none|nowhere|few|scarcely|barely|rather than|instead of|except|other than|anything but|far from|fails? to|unable
不是|不会|并非|并不|绝非|绝不|不|没有|没|非|无法|别|勿|未
nicht|kein|keine|keinen|keinesfalls|nie|niemals|weder|keiner|niemand|keineswegs
ne|n'est|n'|pas|non|jamais|ni|aucune?|aucun|nullement
no|nunca|jamás|ni|tampoco|ninguna?|ninguno|não|nem|nenhuma?|jamais|nao
non|mai|né|nessuna?|nessuno|neanche
не|нет|ни|никогда|нельзя|никак|вряд ли|отнюдь
ليست|ليس|لا|لم|لن|غير|ما|ولا|ليسا|لست
नहीं|न|ना|मत|नही
ではありません|ではない|でない|じゃない|じゃありません|とは思|思いません|思わない|言えない|言えません|ません|ない|せず|ず、
아닙니다|아니다|아니|않|안 |없|못|말고
""")

DENIES: Final = phrases(r"""
not think|not believe|n't think|n't believe|n't say|n't agree|not agree|disagree|doubt|deny|denies|refuse|not true|not correct|not the case|not say|cannot say|can't say|unlikely|false that|wrong that|wrong to|incorrect to|incorrect that|untrue|mistake|no guideline|no evidence|no one|nobody|no reason|not convinced|not sure|unsure|not certain|nothing|never|reject|myth|fallacy|misconception|far from|not clear|unclear|hardly|not mean|not follow|not necessarily|by no means|no way|no longer|would be wrong|in no|under no|neither|not accept|except|hard to|not possible|impossible
不认为|不觉得|不相信|不同意|不能说|不能认为|并不|怀疑|否认|不可能|难以|不代表|不意味|不确定|没有证据|无法认为|并非|未必|不应|不该|不会|不是说
nicht[^.,;\n]{0,20}, dass|glaube nicht|denke nicht|meine nicht|bezweifle|bezweifeln|stimmt nicht|nicht wahr|nicht richtig|unwahrscheinlich|falsch|kein[^.,;\n]{0,30} sagt|nicht der meinung|nicht überzeugt|zweifle|unwahr|keineswegs|niemand|lehne ab|nicht sagen
ne (?:crois|pense|dis|dirais) pas|n'est pas vrai|pas vrai|faux|doute|peu probable|improbable|n'est pas exact|aucun[^.,;\n]{0,30} que|ne peut pas dire|pas sûre?|pas convaincue?|pas d'accord
no (?:creo|pienso|considero|diría) que|no es (?:cierto|verdad|correcto)|no se puede decir|dudo|improbable|falso que|poco probable|no estoy|niego|ningun[ao]? [^.,;\n]{0,30} que|não (?:acho|creio|penso|acredito|diria|considero)|não é (?:verdade|certo|correto)|não se pode dizer|duvido|improvável|falso|não concordo|não estou
non (?:credo|penso|ritengo|direi)|non è (?:vero|corretto)|non si può dire|dubito|improbabile|falso|non sono|nessun[ao]? [^.,;\n]{0,30} che
не (?:думаю|считаю|верю|полагаю|согласен|согласна|уверен|уверена|могу сказать)|неверно|неправда|нельзя сказать|сомневаюсь|маловероятно|вряд ли|ошибочно|не следует|никто
لا (?:أعتقد|أظن|أرى|أوافق)|ليس صحيحا|ليس صحيحًا|غير صحيح|أشك|من غير المرجح|لا يمكن القول|من الخطأ|ليس من|لست متأكد|لا يوجد
नहीं (?:लगता|मानता|मानती|सोचता|सोचती|कह सकते|समझता)|सच नहीं|सही नहीं|संदेह|असंभव|यह गलत|शक
とは思|思いません|思わない|言えない|言えません|疑
생각하지 않|보지 않|믿지 않|아니라고|의심|말할 수 없
""")
"""A denial that governs the whole clause behind it, past commas."""

IF: Final = phrases(r"""
if(?! (?:i|we) (?:had to|have to|must|remember|recall|understand|am not))(?! forced)|were (?:he|she|it|they|the|this|there)|had (?:he|she|it|they|the|this|we)|unless|provided|assuming|suppose|supposing|whether|in case|only when|should (?:he|she|it|they|the)|depends|depending|hypothetically|otherwise|when asked|would have been|as long as|in the event
如果|假如|若|倘若|假设|要是|除非|只有在|取决于|的话|是否
wenn|falls|sofern|angenommen|hätte|ob|vorausgesetzt|es sei denn|andernfalls
si|s'il|s'ils|à condition|à moins|supposons|selon que|dans le cas où|sinon|même si
si|en caso de|suponiendo|a menos|siempre que|se (?:a|o|ela|ele|fosse|for|estivesse|tivesse|não|[a-zà-ú]{1,12} (?:fosse|estivesse|tivesse|for))|caso|supondo|a menos que|desde que|depende
se (?:il|la|lo|fosse|fossi|avesse|non|lui|lei|[a-zà-ú]{1,12} (?:fosse|avesse|è))|qualora|nel caso|supponendo|a meno che|purché|altrimenti|dipende
если|если бы|при условии|предположим|в случае|ли|иначе|зависит
إذا|لو|إن كان|بشرط|في حال|على فرض|يعتمد
अगर|यदि|बशर्ते|मान लीजिए|निर्भर
もし|ならば|なら|場合|であれば|とすれば|仮に|たら
만약|만일|라면|다면|경우|으면|가정
""")

SAY: Final = phrases(r"""
(?:many|some|most|people|others?|someone|students?|colleagues?|you|they|he|she|patients?|everyone|anyone|one|(?:the|a|another|my|your|his|her) [a-z]{3,20}|it) (?:people |doctors |students |would |might |may |could |will |often |have |has |had |can |once |is |are |was |were |also |even |wrongly |mistakenly |falsely |incorrectly |initially ){0,3}(?:say|says|said|saying|thinks?|thought|believes?|believed|claims?|claimed|argues?|argued|suggests? that|suggested|asks?|asked|answered|chooses?|chose|picks?|picked|wrote|told|insists?|insisted|assumes?|assumed|guess|guessed|selects?|selected|tempted|tempting|stated|states|proposed|expects?|expected|wants?|wanted|mentioned|concluded|wonder)|tempting|tempted|argued|claimed|allegedly|supposedly|according to (?:him|her|them|you|some|many|my|the (?:patient|student|user|friend))|commonly (?:thought|believed|chosen)|at first|initially|at first (?:glance|sight)|first guess|used to think|i thought|i almost|might think|might say|would think|would say that|student|friend|colleague|rumou?r|myth|distractor|why|going to|almost
有人|很多人|许多人|多数人|有些人|你说|他说|她说|他们|大家|患者说|患者认为|学生|同事|乍一看|起初|误以为|误认为|有的|传统上|别人|本以为|一开始|为什么|为何|你认为|他认为|她认为
manche|viele|einige|andere|sie sagten|man könnte|jemand|der patient (?:sagt|meint|fragt)|du sagtest|er sagt|laut|angeblich|kollege|student|studenten|zunächst|warum|leute
certains|beaucoup|d'autres|on pourrait|quelqu'un|vous avez dit|tu as dit|il dit|elle dit|on dit|selon certains|le patient (?:dit|pense|demande)|étudiants?|collègue|à première vue|pourquoi|plusieurs
algunos|muchos|otros|alguien|usted dijo|dijiste|dicen|dijo|se dice|según algunos|la gente|el paciente (?:dice|cree|piensa)|estudiantes?|a primera vista|por qué|alguns|muitos|outros|alguém|você disse|dizem|disse|diz-se|segundo alguns|o paciente (?:diz|acha|acredita)|à primeira vista|por que
alcuni|molti|altri|qualcuno|hai detto|dicono|ha detto|si dice|secondo alcuni|la gente|il paziente (?:dice|pensa|crede)|studenti|studente|a prima vista|perché la risposta|c'è chi
некоторые|многие|другие|кто-то|вы сказали|ты сказал|говорят|он сказал|она сказала|по мнению (?:некоторых|многих)|пациент (?:говорит|считает|думает)|студент|студенты|на первый взгляд|почему|люди
يقول البعض|البعض|كثيرون|الكثير|بعض الناس|قال|يقول|تقول|قلت|يظن|يعتقد الكثير|آخرون|لماذا|المريض|الطالب
कुछ लोग|कई लोग|बहुत लोग|लोग|आपने कहा|उसने कहा|कहते हैं|कहा जाता|मरीज|छात्र|कोई कह|क्यों
と言う人|という人|人もい|多くの人|あなたは|と言われ|一部の|と言った|患者は|学生|なぜ|一見
사람들|어떤 사람|많은 이들|일부는|당신은|고 말했|라고 했|환자는|학생|왜|친구|언뜻
""")
"""Someone else's answer, or one of an earlier moment."""

BUT: Final = phrases(r"""
(?<!thing\x20)(?<!all\x20)(?<!one\x20)but|however|so|therefore|thus|hence|instead|consequently|here|accordingly|in conclusion|overall|finally|rather|nevertheless|in this case|yet
而是|但是|但|然而|所以|因此|故|因而|可是|不过|综上|应该是|本例|这里|其实|实际上
aber|sondern|jedoch|daher|deshalb|also|somit|folglich|hier|doch|vielmehr|dennoch
mais|cependant|donc|ainsi|par conséquent|ici|toutefois|pourtant|plutôt
pero|sino|sin embargo|por lo tanto|por tanto|así que|entonces|aquí|mas|porém|portanto|logo|então|aqui|contudo|assim|e sim
ma|bensì|però|quindi|dunque|pertanto|tuttavia|invece|qui|perciò
но|однако|поэтому|следовательно|итак|значит|здесь|таким образом
لكن|ولكن|بل|لذلك|إذن|وبالتالي|هنا|ولذلك
लेकिन|परंतु|बल्कि|इसलिए|अतः|यहाँ|मगर
しかし|したがって|よって|ですが|だから|そのため|ここでは|だが|なので
하지만|그러나|따라서|그러므로|그래서|여기서는|여기서|그렇지만
""")
"""Where a new thought begins: what was denied or supposed before it ends here."""

SO: Final = phrases(r"""
therefore|so|thus|hence|finally|in conclusion|overall|consequently|it is|it's|it must be|it has to be|it would be|must be|that is|accordingly|in summary|to conclude|i think|i believe|i guess|i say|i'd say|i would say|i'm confident|my guess is|my best guess is|my pick is|my choice is
所以|因此|故|综上|而是|我认为|我觉得|应该是|那就是|应是|我认为是|我觉得是|就是
also|daher|somit|folglich|sondern|es ist|ich denke|ich glaube|ich meine|deshalb|ich würde sagen
donc|ainsi|c'est|par conséquent|je pense|je crois|je dirais|ce serait
por lo tanto|por tanto|entonces|así que|sino|sino que es|es la|creo que|creo que es|creo que es la|pienso que|portanto|logo|então|mas sim|e sim|acho que|acho que é|creio que
quindi|dunque|pertanto|bensì|penso|penso che sia|credo che sia|direi|è la|ma
следовательно|итак|поэтому|значит|таким образом|это|я думаю|думаю|я считаю|я полагаю|а
إذن|لذلك|بل|بل هي|بل هو|أعتقد أنها|أعتقد أنه|أعتقد
इसलिए|अतः|बल्कि|मुझे लगता है|मेरे विचार में|यह
したがって|よって|なので|だから|ゆえに|以上より|私は
따라서|그러므로|그래서|저는|나는|제 생각에는
""")
"""What introduces an answer that says no more than the letter."""

CHOOSE: Final = phrases(r"""
choose|pick|select|go with|opt for|vote for|recommend|settle on|settle for|choosing|selecting|going with|give|prefer|start|use|prescribe|administer|lean towards|favou?r|i answer|mark
故选择?|应选择?|我选择?|选择|选|推荐|首选|建议|选用|应该选|本题选
wähle|würde|wählen|nehme|entscheide mich für|empfehle|tippe auf|gebe
choisis|choisirais|choisir|opte pour|opterais pour|recommande|sélectionne|retiens|choisissons
elijo|elegiría|escojo|escogería|selecciono|recomiendo|opto por|optaría por|me quedo con|elegimos|marco|escolho|escolheria|seleciono|recomendo|opto pela?|optaria por|fico com|escolhemos|marcaria
scelgo|sceglierei|seleziono|opto per|opterei per|raccomando|consiglio|scegliamo
выбираю|выбрал бы|выбрала бы|выберу|я за|рекомендую|выбираем|предпочитаю|отмечаю|назначаю|остановлюсь на
أختار|سأختار|اخترت|أوصي ب|نختار|أفضل
चुनता हूँ|चुनूँगा|चुनूंगा|चुनती हूँ
選ぶ|選びます
선택|고르|고릅
""")
"""A choice: the option stands behind it."""

CHOSEN: Final = phrases(r"""
को चुनता|को चुनूँगा|को चुनूंगा|को चुनती|को चुनेंगे|चुनता हूँ|चुनती हूँ|चुनूँगा|चुनूंगा
を選びます|を選ぶ|を選択|を選んだ|だと思います|と考えます|だと考え|にします
를 선택|을 선택|를 고르|을 고르|를 고릅|을 고릅|라고 생각합니다|이라고 생각합니다|로 하겠|으로 하겠
nehme ich|wähle ich|würde ich wählen|wählen
""")
"""A choice: the option stands before it."""

OR: Final = phrases(r"""
and|or|and\/or|as well as|plus|versus|vs|to|through|und|oder|sowie|et|ou|y|o|e|u|ed|and also|or else|or even
和|或|与|及|以及|还是|或者|跟|、
и|или|либо|و|أو|और|या|एवं
と|や|または|か|および|あるいは
와|과|또는|이나|혹은|하고|및|거나
""")

MAYBE: Final = phrases(r"""
possibly|perhaps|maybe|probably|even|also|either|option|choice|answer|letter
可能|也许|选项|选择
eventuell|vielleicht|option|antwort|möglicherweise
peut-être|option|réponse|la|le|quizás|tal vez|opción|respuesta|talvez|opção|resposta|forse|opzione|risposta
возможно|вариант|ответ|ربما|الخيار|शायद|विकल्प|選択肢|보기
""")

NONE: Final = phrases(r"""
none|neither|nothing|not listed|not provided|not among|cannot|can't|unable|n\/a|na|inconclusive|unknown|undetermined|unclear|not sure|unsure|not available|not applicable|no answer|no option|no correct|no single|both|either|all|all of|any of|multiple|several|uncertain|i don't know|i do not know|impossible|no one
以上都不|都不|都不是|无法|没有|不确定|不知道|以上|均|都|皆|无
keine?|keiner|weder|beide|unbekannt|alle|unklar|nicht bestimmbar
aucune?|ni|les deux|inconnue?|toutes?|tous|impossible
ninguna?|ninguno|ambas?|ambos|todas?|todos|desconocida|no se puede|nenhuma?|nenhum|não é possível|não sei
nessuna?|nessuno|entrambe|entrambi|tutte|tutti|sconosciuta
ни один|ни одна|никакой|никакая|нет|оба|обе|все|неизвестно|невозможно|не знаю
لا شيء|لا يوجد|كلاهما|جميع|كل|غير معروف|لا أعرف
कोई नहीं|इनमें से कोई|दोनों|सभी|अज्ञात|पता नहीं
該当なし|なし|どれも|いずれも|両方|すべて|不明|わかりません
없음|없습니다|모두|둘 다|알 수 없|해당 없
""")
"""What stands for an answer where none of the options, or several, are meant."""

BECAUSE: Final = phrases(r"""
because|since|as|which|that|who|whose|for|due|given|i\.e|ie|i e|viz|namely|here|in|on|with|based|explanation|rationale|reason|and|by|according|from|of|to|when|where|while|though|although|but|is|are|was|would|will|has|does|works?|acts?|can|should|so|seems?|remains|helps?|rather|instead|over|not|explained|then
因为|由于|因|理由|解析|解释
weil|da|denn|mit|hier|ist|und|nicht|sind|aufgrund|begründung|für|bei
parce|car|puisque|qui|avec|ici|est|et|explication|dans|pour|en raison
porque|ya|ya que|pues|con|aquí|es|que|en|debido|explicación|pois|aqui|é|com|uma vez|no|na|por|explicação
perché|poiché|con|qui|è|che|in|per|spiegazione|dato
потому|так|поскольку|здесь|с|в|является|и|при|объяснение|ведь
لأن|لأنه|لأنها|حيث|بسبب|هي|هو|هنا|في|مع
है|क्योंकि|हैं|होगा|ही|को|सही|यहाँ|चूंकि
""")
"""What may follow a letter or a text that is the answer: anything else makes it a part of a longer name."""

I_E: Final = phrases(r"""
i\.?e\.?|which is|which stands for|which means|that is|meaning|namely|viz|is|which corresponds to|which represents|being
即|也就是|d\.h|das heißt|c'est-à-dire|es decir|o sea|isto é|ou seja|cioè|ossia|то есть|т\.е|أي|यानी|अर्थात|すなわち|つまり|즉
""")
"""What explains a letter by the text of its option."""

RETRACT: Final = phrases(r"""
no|wait|wrong|actually|hmm|sorry|correction|(?:that|this|it|which) (?:is|was|would be) (?:wrong|incorrect|false|a mistake|untrue|mistaken)|(?:that's|it's) (?:wrong|incorrect|false|not)|(?:that|this|it) (?:is not|isn't|was not|wasn't) (?:right|correct|true|so|it|the answer|the right|the correct)|not so|scratch that|on second thought|just kidding|i was wrong|i disagree|oops|let me reconsider|i take that back
不|不对|错|等等|这是错|这不对|这是不对|这种说法|并非|抱歉
nein|falsch|moment|das (?:ist|stimmt) (?:falsch|nicht)|das ist ein|stimmt nicht
non|faux|attendez|c'est faux|ce n'est pas|attends
no|falso|espera|eso (?:no|es (?:falso|incorrecto|un error))|esto (?:no|es (?:falso|incorrecto|un error))|incorrecto|não|errado|espere|isso (?:não|está errado|é (?:falso|incorreto|um erro))
no|sbagliato|aspetta|non è|è (?:falso|sbagliato)|questo (?:non|è (?:falso|sbagliato|un errore))
нет|неверно|неправильно|подождите|стоп|это (?:неверно|не|неправильно|ошибка)
لا|خطأ|انتظر|هذا (?:خطأ|غير صحيح|ليس)
नहीं|गलत|रुकिए|यह (?:गलत|सही नहीं|सच नहीं)
いいえ|違います|間違い|それは(?:間違|誤)|これは(?:間違|誤)
아니요|아니|틀렸|그것은 (?:틀|잘못)|이것은 (?:틀|잘못)
""")
"""How the sentence behind a claim begins, where it takes the claim back."""
