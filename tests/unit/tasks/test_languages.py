"""Reading replies in twelve languages: what states an option, and what denies, conditions, attributes or lists."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.tasks.reading.letters import read

DRUGS = {
    "en": ("aspirin", "heparin", "warfarin", "insulin"),
    "zh": ("阿司匹林", "肝素", "华法林", "胰岛素"),
    "de": ("Aspirin", "Heparin", "Warfarin", "Insulin"),
    "fr": ("aspirine", "héparine", "warfarine", "insuline"),
    "es": ("aspirina", "heparina", "warfarina", "insulina"),
    "pt": ("aspirina", "heparina", "varfarina", "insulina"),
    "it": ("aspirina", "eparina", "warfarin", "insulina"),
    "ru": ("аспирин", "гепарин", "варфарин", "инсулин"),
    "ar": ("الأسبرين", "الهيبارين", "الوارفارين", "الأنسولين"),
    "hi": ("एस्पिरिन", "हेपरिन", "वारफारिन", "इंसुलिन"),
    "ja": ("アスピリン", "ヘパリン", "ワルファリン", "インスリン"),
    "ko": ("아스피린", "헤파린", "와파린", "인슐린"),
}

STATED = {
    "en": [
        "The correct answer is {0}.",
        "Answer: {0}) {1}",
        "I would choose option {0}.",
        "Option {0} is correct.",
        "{0} is the best answer because it acts at once.",
        "My final answer is ({0}).",
        "The right choice here would be {0}, {1}.",
        "It acts on antithrombin. Therefore, {0}.",
        "I recommend {1}.",
        "The most likely treatment is {1}.",
        "It must be {0}.",
        "Since it does not act on platelets, the answer is {0}.",
    ],
    "zh": [
        "正确答案是{0}。",
        "答案：{0}",
        "【答案】{0}.{1}",
        "故选{0}。",
        "我选择{0}",
        "选项{0}是正确的。",
        "{0}项正确，因为起效快。",
        "因此，正确的选项是{0}：{1}。",
        "答案应为{0}",
        "首选{1}。",
    ],
    "de": [
        "Die richtige Antwort ist {0}.",
        "Antwort: {0}) {1}",
        "Die richtige Antwort lautet {0}.",
        "Ich wähle {0}.",
        "Option {0} ist richtig.",
        "{0} ist die richtige Antwort, weil es schnell wirkt.",
        "Daher ist die Antwort {0}.",
        "Richtig ist Antwort {0}.",
        "Ich empfehle {1}.",
    ],
    "fr": [
        "La bonne réponse est {0}.",
        "Réponse : {0}) {1}",
        "La réponse correcte est la {0}.",
        "Je choisis {0}.",
        "L'option {0} est correcte.",
        "{0} est la bonne réponse, car elle agit vite.",
        "Donc, la réponse est {0}.",
        "Je recommande {1}.",
    ],
    "es": [
        "La respuesta correcta es {0}.",
        "Respuesta: {0}) {1}",
        "La opción correcta es la {0}.",
        "Elijo la opción {0}.",
        "La opción {0} es correcta.",
        "{0} es la respuesta correcta porque actúa rápido.",
        "Por lo tanto, la respuesta es {0}.",
        "Recomiendo {1}.",
    ],
    "pt": [
        "A resposta correta é {0}.",
        "Resposta: {0}) {1}",
        "A alternativa correta é a {0}.",
        "Escolho a opção {0}.",
        "A opção {0} está correta.",
        "{0} é a resposta correta porque age rápido.",
        "Portanto, a resposta é {0}.",
        "Gabarito: {0}",
        "Recomendo {1}.",
    ],
    "it": [
        "La risposta corretta è {0}.",
        "Risposta: {0}) {1}",
        "La risposta giusta è la {0}.",
        "Scelgo {0}.",
        "L'opzione {0} è corretta.",
        "{0} è la risposta corretta perché agisce subito.",
        "Quindi la risposta è {0}.",
        "Consiglio {1}.",
    ],
    "ru": [
        "Правильный ответ: {0}.",
        "Ответ: {0}) {1}",
        "Правильный ответ — {0}.",
        "Я выбираю {0}.",
        "Вариант {0} верен.",
        "{0} является правильным ответом, так как действует быстро.",
        "Следовательно, ответ {0}.",
        "Рекомендую {1}.",
    ],
    "ar": [
        "الإجابة الصحيحة هي {0}.",
        "الإجابة: {0}) {1}",
        "الجواب هو {0}.",
        "أختار {0}.",
        "الخيار {0} هو الصحيح.",
        "{0} هي الإجابة الصحيحة لأنه سريع.",
        "لذلك، الإجابة هي {0}.",
    ],
    "hi": [
        "सही उत्तर {0} है।",
        "उत्तर: {0}) {1}",
        "सही विकल्प {0} है।",
        "विकल्प {0} सही है।",
        "मैं {0} को चुनता हूँ।",
        "{0} सही उत्तर है क्योंकि यह तेज है।",
        "इसलिए, उत्तर {0} है।",
    ],
    "ja": [
        "正解は{0}です。",
        "答え：{0}",
        "答えは{0}です。",
        "{0}が正解です。",
        "私は{0}を選びます。",
        "選択肢{0}が正しいです。",
        "したがって、答えは{0}（{1}）です。",
    ],
    "ko": [
        "정답은 {0}입니다.",
        "정답: {0}) {1}",
        "답은 {0}입니다.",
        "{0}가 정답입니다.",
        "저는 {0}를 선택합니다.",
        "보기 {0}가 맞습니다.",
        "따라서 정답은 {0}입니다.",
    ],
}
"""Forms that commit to an option; every one is read with its letter and, where {1} stands, its text."""

REFUSED = {
    "en": [
        "I don't think the answer is {0}.",
        "The answer is not {0}.",
        "{0} is incorrect.",
        "It is not true that {0} is the best.",
        "I doubt that {0} is correct.",
        "If she were pregnant, the answer would be {0}.",
        "The answer would be {0} if she were pregnant.",
        "Some say the answer is {0}.",
        "You said that the answer is {0}.",
        "The answer is {0} or {2}.",
        "Both {0} and {2} are correct.",
        "Is the answer {0}?",
        "The answer could be {0}.",
        "None of the above.",
        "I would not choose {0}.",
        "Neither {0} nor {2} is correct.",
        "The answer is {0}. No, that is wrong.",
        "The statement that the answer is {0} is false.",
        "I am not convinced, all things considered, that the answer is {0}.",
        "I do not believe that,\nafter all, the answer is {0}.",
    ],
    "zh": [
        "我不认为答案是{0}。",
        "答案不是{0}。",
        "{0}不正确。",
        "不选{0}。",
        "如果患者怀孕，答案是{0}。",
        "有人认为答案是{0}。",
        "答案是{0}或{2}。",
        "答案是{0}吗？",
        "答案可能是{0}。",
        "以上都不是",
        "答案是{0}的说法是错误的。",
    ],
    "de": [
        "Ich glaube nicht, dass die Antwort {0} ist.",
        "Die Antwort ist nicht {0}.",
        "{0} ist falsch.",
        "Ich wähle {0} nicht.",
        "Wenn sie schwanger wäre, wäre die Antwort {0}.",
        "Manche sagen, die Antwort ist {0}.",
        "Die Antwort ist {0} oder {2}.",
        "Ist die Antwort {0}?",
        "Die Antwort könnte {0} sein.",
        "Keine der Antworten.",
        "Es stimmt nicht, dass {0} richtig ist.",
    ],
    "fr": [
        "Je ne pense pas que la réponse est {0}.",
        "La réponse n'est pas {0}.",
        "{0} est incorrecte.",
        "Je ne choisis pas {0}.",
        "Si elle était enceinte, la réponse serait {0}.",
        "Certains disent que la réponse est {0}.",
        "La réponse est {0} ou {2}.",
        "La réponse est-elle {0} ?",
        "La réponse pourrait être {0}.",
        "Aucune des réponses.",
        "Il est faux que {0} est la bonne réponse.",
    ],
    "es": [
        "No creo que la respuesta es {0}.",
        "La respuesta no es {0}.",
        "{0} es incorrecta.",
        "No elijo {0}.",
        "Si estuviera embarazada, la respuesta sería {0}.",
        "Algunos dicen que la respuesta es {0}.",
        "La respuesta es {0} o {2}.",
        "¿Es la respuesta {0}?",
        "La respuesta podría ser {0}.",
        "Ninguna de las anteriores.",
        "Es falso que la respuesta es {0}.",
    ],
    "pt": [
        "Não acho que a resposta é {0}.",
        "A resposta não é {0}.",
        "{0} é incorreta.",
        "Não escolho {0}.",
        "Se ela estivesse grávida, a resposta seria {0}.",
        "Alguns dizem que a resposta é {0}.",
        "A resposta é {0} ou {2}.",
        "A resposta é {0}?",
        "A resposta poderia ser {0}.",
        "Nenhuma das anteriores.",
        "É falso que a resposta é {0}.",
    ],
    "it": [
        "Non credo che la risposta è {0}.",
        "La risposta non è {0}.",
        "{0} è sbagliata.",
        "Non scelgo {0}.",
        "Se fosse incinta, la risposta sarebbe {0}.",
        "Alcuni dicono che la risposta è {0}.",
        "La risposta è {0} o {2}.",
        "La risposta è {0}?",
        "La risposta potrebbe essere {0}.",
        "Nessuna delle precedenti.",
        "È falso che la risposta è {0}.",
    ],
    "ru": [
        "Я не думаю, что ответ {0}.",
        "Правильный ответ не {0}.",
        "{0} неверно.",
        "Я не выбираю {0}.",
        "Если бы она была беременна, ответ был бы {0}.",
        "Некоторые говорят, что ответ: {0}.",
        "Ответ: {0} или {2}.",
        "Правильный ответ — {0}?",
        "Ответ может быть {0}.",
        "Ни один из вариантов.",
        "Неправда, что правильный ответ {0}.",
    ],
    "ar": [
        "لا أعتقد أن الإجابة هي {0}.",
        "الإجابة ليست {0}.",
        "{0} خطأ.",
        "لا أختار {0}.",
        "إذا كانت حاملا، الإجابة هي {0}.",
        "يقول البعض إن الإجابة هي {0}.",
        "الإجابة هي {0} أو {2}.",
        "هل الإجابة هي {0}؟",
        "الإجابة قد تكون {0}.",
        "لا شيء مما سبق",
        "من الخطأ أن الإجابة هي {0}.",
    ],
    "hi": [
        "मुझे नहीं लगता कि उत्तर {0} है।",
        "सही उत्तर {0} नहीं है।",
        "{0} गलत है।",
        "मैं {0} को नहीं चुनता हूँ।",
        "यदि वह गर्भवती होती, तो उत्तर {0} होता।",
        "कुछ लोग कहते हैं कि उत्तर {0} है।",
        "उत्तर {0} या {2} है।",
        "क्या उत्तर {0} है?",
        "उत्तर {0} हो सकता है।",
        "इनमें से कोई नहीं",
        "यह गलत है कि सही उत्तर {0} है।",
    ],
    "ja": [
        "答えは{0}ではありません。",
        "{0}は間違いです。",
        "答えが{0}だとは思いません。",
        "{0}を選びません。",
        "もし妊娠していれば、答えは{0}です。",
        "多くの人は答えは{0}だと言います。",
        "答えは{0}または{2}です。",
        "答えは{0}ですか？",
        "答えは{0}かもしれません。",
        "該当なし",
        "正解は{0}ではない。",
    ],
    "ko": [
        "정답은 {0}가 아닙니다.",
        "{0}는 틀렸습니다.",
        "정답이 {0}라고 생각하지 않습니다.",
        "{0}를 선택하지 않습니다.",
        "만약 임신했다면, 정답은 {0}입니다.",
        "어떤 사람들은 정답은 {0}라고 말합니다.",
        "정답은 {0} 또는 {2}입니다.",
        "정답은 {0}입니까?",
        "정답은 {0}일 수도 있습니다.",
        "해당 없음",
        "정답이 {0}라는 것은 잘못입니다.",
    ],
}
"""Forms that commit to no option: denied, supposed, said by others, one of two, asked, possible, none."""

TURNED = {
    "en": "The answer is not A but B.",
    "zh": "答案不是A，而是B。",
    "de": "Die Antwort ist nicht A, sondern B.",
    "fr": "La réponse n'est pas A, mais B.",
    "es": "La respuesta no es A, sino B.",
    "pt": "A resposta não é A, mas sim B.",
    "it": "La risposta non è A, bensì B.",
    "ru": "Правильный ответ не A, а B.",
    "ar": "الإجابة ليست A، بل B.",
    "hi": "उत्तर A नहीं, बल्कि B है।",
    "ja": "Aは間違いです。答えはBです。",
    "ko": "A는 틀렸습니다. 정답은 B입니다.",
}


def _options(language: str) -> dict[str, str]:
    return dict(zip("ABCD", DRUGS[language], strict=True))


def _filled(language: str, form: str, letter: str) -> str:
    options = _options(language)
    other = "ABCD"["ABCD".index(letter) - 1]
    return form.format(letter, options[letter], other)


@pytest.mark.parametrize(("language", "form"), [(key, form) for key, forms in STATED.items() for form in forms])
def test_stated(language: str, form: str):
    """Each form is read with each letter, none favoured."""
    found = {letter: read(_filled(language, form, letter), _options(language)) for letter in "ABCD"}
    assert {letter: reading.letter for letter, reading in found.items()} == dict(zip("ABCD", "ABCD", strict=True)), (
        found
    )


@pytest.mark.parametrize(("language", "form"), [(key, form) for key, forms in REFUSED.items() for form in forms])
def test_refused(language: str, form: str):
    """Each form names no option, whatever its letter, and says why."""
    found = {letter: read(_filled(language, form, letter), _options(language)) for letter in "ABCD"}
    assert {reading.letter for reading in found.values()} == {None}, found
    assert all(reading.why for reading in found.values())


@pytest.mark.parametrize(("language", "reply"), TURNED.items())
def test_not_this_but_that(language: str, reply: str):
    """What is denied gives way to what is put in its place."""
    assert read(reply, _options(language)).letter == "B"


@pytest.mark.parametrize("language", DRUGS)
def test_the_text_alone(language: str):
    """An option's own text names it, alone or behind its letter."""
    options = _options(language)
    for letter, text in options.items():
        assert read(text, options).letter == letter
        assert read(f"{letter}. {text}", options).letter == letter
        assert read(f"**{letter}: {text}**\n\nA, B, C, D", options).letter == letter


DENIALS = {
    "en": ["I don't think that ", "It is not true that ", "I doubt that ", "Nobody says that ", "It is false that "],
    "zh": ["我不认为", "不能说"],
    "de": ["Ich glaube nicht, dass ", "Es stimmt nicht, dass "],
    "fr": ["Je ne pense pas que ", "Il est faux que "],
    "es": ["No creo que ", "Es falso que "],
    "pt": ["Não acho que ", "É falso que "],
    "it": ["Non credo che ", "È falso che "],
    "ru": ["Я не думаю, что ", "Неправда, что "],
    "ar": ["لا أعتقد أن ", "من الخطأ أن "],
    "hi": ["मुझे नहीं लगता कि ", "यह गलत है कि "],
}
"""Denials that go before a whole statement; Japanese and Korean deny behind it."""

SENTENCES = {
    language: [form for form in STATED[language] if not any(mark in form for mark in ":：】") and form.count(". ") == 0]
    for language in DENIALS
}


def _drops_turns(form: str) -> bool:
    """Leave out forms that begin anew (``Therefore ...``): a denial before them denies something else."""
    return not form.startswith(
        (
            "Since",
            "It acts",
            "因此",
            "故选",
            "Daher",
            "Donc",
            "Por lo tanto",
            "Portanto",
            "Quindi",
            "Следовательно",
            "لذلك",
            "इसलिए",
        )
    )


@pytest.mark.parametrize("language", DENIALS)
def test_a_denied_statement_is_never_the_letter(language: str):
    """Whatever states an option states none behind a denial."""
    for form in filter(_drops_turns, SENTENCES[language]):
        for denial in DENIALS[language]:
            for letter in "ABCD":
                said = _filled(language, form, letter)
                reply = denial + (said if said[0] in "ABCD" else said[0].lower() + said[1:])
                assert read(reply, _options(language)).letter != letter, reply


FORMS = [(language, form) for table in (STATED, REFUSED) for language, forms in table.items() for form in forms]
WORDS = st.sampled_from(
    [*"ABCDE", "(", ")", "/", ". ", "\n", ", ", "{", "}", '"', "<answer>", "\\boxed{", "not ", "if "]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(WORDS, st.sampled_from(FORMS)), max_size=8), st.sampled_from(sorted(DRUGS)))
def test_any_mixture_gives_an_offered_letter_or_none(parts: list, language: str):
    """Statements and pieces of markup in any order never raise, and name only what is offered, with a reason."""
    reply = "".join(part if isinstance(part, str) else _filled(*part, "B") for part in parts)
    found = read(reply, _options(language))
    assert found.letter in {None, *"ABCD"}
    assert found.why
