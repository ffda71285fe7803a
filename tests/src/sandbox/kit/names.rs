//! What people and companies in the sandboxes are called, and where they live.

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The whole name, in any script.
    pub name: String,
    /// Lower-case ASCII letters and dots: `amelia.brown`.
    pub mailbox: String,
}

/// A person, a company, or now and then one of the awkward ones.
pub fn called(draw: &mut Draw) -> Called {
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

/// A place that a post office would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// House number and street.
    pub line: String,
    /// The city.
    pub city: &'static str,
    /// State or province, where the country writes one.
    pub region: Option<&'static str>,
    /// The postal code.
    pub postal_code: &'static str,
    /// Two letters: `US`.
    pub country: &'static str,
    /// What its telephone numbers begin with: `+1503`.
    pub dialling: &'static str,
}

/// City, region, postal code, country and dialling prefix that belong together.
type Place = (
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static str,
);

const PLACES: [Place; 8] = [
    ("Portland", Some("OR"), "97205", "US", "+1503"),
    ("San Antonio", Some("TX"), "78205", "US", "+1210"),
    ("Münster", None, "48143", "DE", "+49251"),
    ("Kraków", None, "31-042", "PL", "+4812"),
    ("Cork", Some("Co. Cork"), "T12 X8YN", "IE", "+35321"),
    ("Wellington", None, "6011", "NZ", "+644"),
    ("大阪市", Some("大阪府"), "530-0001", "JP", "+816"),
    ("Québec", Some("QC"), "G1R 2B5", "CA", "+1418"),
];

/// An address; the same draw gives the same one.
pub fn address(draw: &mut Draw) -> Address {
    let (city, region, postal_code, country, dialling) = draw.pick(&PLACES);
    let street = draw.pick(&[
        "Harbour Street",
        "Lindenallee",
        "King's Road, Flat 2",
        "Rue de l'Église",
    ]);
    Address {
        line: format!("{} {street}", draw.between(1, 399)),
        city,
        region,
        postal_code,
        country,
        dialling,
    }
}
