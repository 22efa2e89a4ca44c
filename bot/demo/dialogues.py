"""What the people of the demo write. Operators write as "we": any of them may get any of these."""

from dataclasses import dataclass

from bot.sandbox.world.content import Content, album, document, location, photo, sticker, video_note, voice

CLIENT, OPERATOR = "client", "operator"
SHOP, CARE = "shop", "care"
Said = str | Content


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation from the first message to the last; client and operator take turns.

    Attributes:
        bot: which of the two bots the client writes to.
        turns: who writes, and what.
    """

    first_name: str
    last_name: str
    bot: str
    turns: tuple[tuple[str, Said], ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """Names and messages in one language."""

    operators: tuple[str, str, str]
    admin: str
    bots: dict[str, tuple[str, str]]
    dialogues: tuple[Dialogue, ...]
    passers_by: tuple[str, ...]
    questions: tuple[tuple[str, str], ...]


def _talk(name: str, bot: str, *turns: Said | tuple[str, Said]) -> Dialogue:
    """Turns alternate, the client first; a pair names the speaker where they do not."""
    first, last = name.split(" ")
    said: list[tuple[str, Said]] = []
    for turn in turns:
        if isinstance(turn, tuple):
            said.append(turn)
        else:
            said.append((OPERATOR if said and said[-1][0] == CLIENT else CLIENT, turn))
    return Dialogue(first, last, bot, tuple(said))


ENGLISH = Cast(
    operators=("Anna", "Boris", "Vera"),
    admin="Olga",
    bots={SHOP: ("lumen_shop_bot", "Lumen, the shop"), CARE: ("lumen_care_bot", "Lumen, repairs")},
    dialogues=(
        _talk(
            "Ivan Petrov",
            SHOP,
            "Good morning! Is the green desk lamp still in stock?",
            "Good morning! Yes, three of them. Shall we put one aside for you?",
            "Please do. I'll come by after twelve.",
            "It'll be at the counter for you until tonight.",
        ),
        _talk(
            "Marina Sokolova",
            CARE,
            album(photo(caption="It arrived with a crack, please have a look"), photo()),
            "Thanks for the photos, we can see it. Where should we send a new one?",
            location(),
            "Got it, the courier will come tomorrow between 10 and 12.",
            sticker(emoji="👍"),
        ),
        _talk(
            "Dmitri Kim",
            SHOP,
            voice(duration=7),
            "We've listened 🙂 Yes, 15% off from ten lamps.",
            "Twelve, then. Can I get an invoice for my company?",
            document(name="invoice-1204.pdf", caption="Here it is, valid for three days"),
        ),
        _talk(
            "Svetlana Orlova",
            SHOP,
            "Which bulb does the Snowflake lamp need?",
            "E14, up to 40 W; a warm LED is best.",
            "Do you have those?",
            "We do, 2.50 each.",
        ),
        _talk(
            "Artyom Lebedev",
            CARE,
            "My lamp flickers after I switch it off",
            "Probably the switch. Does it have a small light in it?",
            "It does!",
            "That's it. A small capacitor will fix it, we have one for 1.20.",
        ),
        _talk("Natalia Ilyina", SHOP, "How late are you open today?", "Until eight, no lunch break.", "Thank you!"),
        _talk(
            "Pavel Zaitsev",
            SHOP,
            video_note(),
            "How lovely! Is that our Moon lamp?",
            "It is! Our daughter loves it, thank you!",
            "Thank you for showing us 💛 We'll show the maker.",
        ),
        _talk(
            "Elena Morozova",
            CARE,
            "Bought two days ago and now it won't switch on. I still have the receipt",
            (CLIENT, photo(caption="The receipt")),
            "We're sorry. Would you like your money back or a new one?",
            "A new one, please",
            "Come any day, it's ready for you.",
        ),
        _talk(
            "Igor Fyodorov",
            SHOP,
            "Do you deliver to Tver?",
            "Yes, in two or three days, for 4 euros.",
            "I'll order on the site then",
        ),
        _talk(
            "Yulia Belova",
            SHOP,
            "Will the Autumn floor lamp be back?",
            (CLIENT, "The dark red one, I've waited for ages"),
            "We get five on Thursday. Shall we put one aside for you?",
            "Yes, please!",
            "Done, we'll call you on Thursday morning.",
        ),
        _talk(
            "Timur Akhmetov",
            SHOP,
            "Hello! I need lighting for a shop window, three metres wide",
            "Hello! A track system would work, we have one on display. When could you come?",
            "Friday at eleven",
            "See you on Friday at eleven.",
        ),
        _talk(
            "Xenia Romanova",
            CARE,
            "Can the glass shade go in the dishwasher?",
            "Better by hand: hot water damages the paint.",
            "Glad I asked 😄",
        ),
        _talk(
            "Ivan Petrov",
            CARE,
            "One more thing: can I buy just the base of an old lamp?",
            "You can. Which model is it?",
            photo(caption="This one"),
            "We have it, 5 euros.",
        ),
    ),
    passers_by=(
        "Adam",
        "Alice",
        "Ben",
        "Clara",
        "Daniel",
        "Emma",
        "Felix",
        "Grace",
        "Henry",
        "Iris",
        "Jack",
        "Kate",
        "Leo",
        "Mia",
        "Noah",
        "Olive",
        "Peter",
        "Rose",
        "Sam",
        "Tina",
    ),
    questions=(
        ("Are you open today?", "Yes, until eight."),
        ("Is there a car park?", "Yes, in the courtyard, and it's free."),
        ("Do you take cards?", "Of course."),
        ("Can I return it within a week?", "Within 14 days, with the receipt."),
        ("Where can I find you?", "12 Garden Street, through the courtyard."),
        ("How much is delivery?", "3 euros within the city."),
        ("Are any lamps still on sale?", "Yes, until Sunday."),
        ("Do you repair old lamps?", "We do, bring it in."),
    ),
)

RUSSIAN = Cast(
    operators=("Анна", "Борис", "Вера"),
    admin="Ольга",
    bots={SHOP: ("lampa_shop_bot", "Лампа, магазин"), CARE: ("lampa_care_bot", "Лампа, мастерская")},
    dialogues=(
        _talk(
            "Иван Петров",
            SHOP,
            "Доброе утро! Зелёная настольная лампа ещё есть?",
            "Доброе утро! Да, остались три. Отложить одну для вас?",
            "Да, пожалуйста. Заеду после двенадцати.",
            "Отложили до вечера, спросите на кассе.",
        ),
        _talk(
            "Марина Соколова",
            CARE,
            album(photo(caption="Пришла с трещиной, посмотрите, пожалуйста"), photo()),
            "Спасибо за фото, видим. Заменим. Куда привезти новую?",
            location(),
            "Записали, курьер будет завтра с 10 до 12.",
            sticker(emoji="👍"),
        ),
        _talk(
            "Дмитрий Ким",
            SHOP,
            voice(duration=7),
            "Послушали 🙂 Да, от десяти ламп скидка 15\N{NO-BREAK SPACE}%.",
            "Тогда двенадцать. Счёт на компанию можно?",
            document(name="Счёт-1204.pdf", caption="Вот счёт, действует три дня"),
        ),
        _talk(
            "Светлана Орлова",
            SHOP,
            "Какая лампочка нужна для «Снежинки»?",
            "Е14, до 40 Вт, лучше тёплая светодиодная.",
            "А у вас такие есть?",
            "Есть, 190 рублей за штуку.",
        ),
        _talk(
            "Артём Лебедев",
            CARE,
            "Лампа мигает, когда её выключаешь",
            "Похоже, дело в выключателе. Он с подсветкой?",
            "Точно, с подсветкой!",
            "Поможет маленький конденсатор, он у нас есть за 90 рублей.",
        ),
        _talk("Наталья Ильина", SHOP, "До скольки вы сегодня работаете?", "До восьми, без перерыва.", "Спасибо!"),
        _talk(
            "Павел Зайцев",
            SHOP,
            video_note(),
            "Какая красота! Это наша «Луна»?",
            "Она самая. Ребёнок в восторге, спасибо вам!",
            "Спасибо, что показали 💛 Передадим мастеру.",
        ),
        _talk(
            "Елена Морозова",
            CARE,
            "Купила два дня назад, а теперь не включается. Чек сохранился",
            (CLIENT, photo(caption="Чек")),
            "Жаль, что так вышло. Вернуть деньги или заменить?",
            "Замените, пожалуйста",
            "Приходите в любой день, новая вас ждёт.",
        ),
        _talk(
            "Игорь Фёдоров", SHOP, "В Тверь доставляете?", "Да, за два-три дня, 350 рублей.", "Тогда закажу на сайте"
        ),
        _talk(
            "Юлия Белова",
            SHOP,
            "Торшер «Осень» ещё появится?",
            (CLIENT, "Очень жду тёмно-красный"),
            "В четверг привезут пять штук. Записать вас?",
            "Да, запишите!",
            "Записали, позвоним в четверг утром.",
        ),
        _talk(
            "Тимур Ахметов",
            SHOP,
            "Здравствуйте! Нужен свет для витрины, три метра",
            "Здравствуйте! Подойдёт трековая система, она есть в зале. Когда вам удобно зайти?",
            "В пятницу в одиннадцать",
            "Ждём вас в пятницу в одиннадцать.",
        ),
        _talk(
            "Ксения Романова",
            CARE,
            "Можно мыть плафон в посудомойке?",
            "Лучше руками: горячая вода портит краску.",
            "Хорошо, что спросила 😄",
        ),
        _talk(
            "Иван Петров",
            CARE,
            "И ещё вопрос: можно купить одну подставку к старой лампе?",
            "Можно. Какая у вас модель?",
            photo(caption="Вот такая"),
            "Есть, 450 рублей.",
        ),
    ),
    passers_by=(
        "Алиса",
        "Артур",
        "Богдан",
        "Варвара",
        "Глеб",
        "Дарья",
        "Егор",
        "Жанна",
        "Захар",
        "Инна",
        "Кирилл",
        "Лидия",
        "Максим",
        "Нина",
        "Олег",
        "Полина",
        "Роман",
        "Софья",
        "Тарас",
        "Эмма",
    ),
    questions=(
        ("Вы сегодня открыты?", "Да, до восьми."),
        ("Парковка есть?", "Есть, во дворе, бесплатно."),
        ("Карты принимаете?", "Конечно."),
        ("Можно вернуть через неделю?", "В течение 14 дней, с чеком."),
        ("Как вас найти?", "Садовая, 12, вход со двора."),
        ("Сколько стоит доставка?", "По городу 200 рублей."),
        ("Лампы по акции ещё остались?", "Да, до воскресенья."),
        ("Старые лампы чините?", "Чиним, приносите."),
    ),
)

CASTS = {"en": ENGLISH, "ru": RUSSIAN}
