//! What people and companies in the sandbox are called.

use crate::draw::Draw;

const FIRST: [&str; 32] = [
    "Amelia",
    "Noah",
    "Zoë",
    "Mateo",
    "Aoife",
    "Björn",
    "Chidi",
    "Dagny",
    "Emre",
    "Fatima",
    "Giulia",
    "Hiroshi",
    "Ingrid",
    "João",
    "Katarzyna",
    "Liam",
    "Małgorzata",
    "Nguyễn",
    "Olivia",
    "Priya",
    "Quentin",
    "Renée",
    "Søren",
    "Tomáš",
    "Uma",
    "Valentina",
    "Wei",
    "Ximena",
    "Yusuf",
    "Þóra",
    "Ελένη",
    "Дмитрий",
];

const LAST: [&str; 32] = [
    "Anderson",
    "Brown",
    "Castellanos",
    "D'Angelo",
    "Eriksson",
    "Fitzgerald",
    "García",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Müller",
    "Núñez",
    "O'Connor",
    "Papadopoulos",
    "Quispe",
    "Rossi",
    "Smith-Okafor",
    "Tanaka",
    "Ueda",
    "van der Berg",
    "Wójcik",
    "Xu",
    "Yılmaz",
    "Zimmermann",
    "Châtelain",
    "de Souza",
    "Łukasik",
    "Ñahui",
    "Şahin",
    "王",
];

const TRADE: [&str; 12] = [
    "Bakery",
    "Logistics",
    "Robotics",
    "Dental Care",
    "Studios",
    "Coffee Roasters",
    "Cycles",
    "Textiles",
    "Analytics",
    "Gardens",
    "Brewing",
    "Marine Supply",
];

const FORM: [&str; 8] = [
    ", Inc.",
    " GmbH",
    " Ltd.",
    " S.A.",
    " & Sons",
    ", LLC",
    " AB",
    " 株式会社",
];

/// Names that break careless readers and writers of text formats.
const AWKWARD: [&str; 16] = [
    "Buck \"The Baker\" O'Neil, & Sons",
    "=SUM(A1:A9) Trading",
    "+49 Kurier GmbH",
    "-Minus One-",
    "@home Cleaning",
    "Müller\nZweigstelle Süd",
    "Two\r\nLines, One \"Name\"",
    "株式会社青空",
    "شركة النور للتجارة",
    "🌻 Sunflower Studio 👩‍🌾",
    "Tab\tSeparated",
    " leading and trailing ",
    "NULL",
    "00123",
    "C:\\temp\\<b>&amp;</b>",
    "Zoe\u{308} with a combining mark",
];

/// What somebody is called, and the letters of it that fit into an e-mail address.
pub(super) struct Called {
    pub(super) name: String,
    pub(super) mailbox: String,
}

/// A person, a company, or now and then one of the awkward ones.
pub(super) fn called(draw: &mut Draw) -> Called {
    let (first, last) = (draw.pick(&FIRST), draw.pick(&LAST));
    let name = match draw.below(100) {
        0..80 => format!("{first} {last}"),
        80..93 => format!("{last} {}{}", draw.pick(&TRADE), draw.pick(&FORM)),
        _ => draw.pick(&AWKWARD).to_owned(),
    };
    let plain = |word: &str| {
        word.chars()
            .filter(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_lowercase()
    };
    let (first, last) = (plain(first), plain(last));
    Called {
        name,
        mailbox: [first, last].join(".").trim_matches('.').to_owned(),
    }
}
