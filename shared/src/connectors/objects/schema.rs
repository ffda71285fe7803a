//! What a Parquet file says of its columns, before the library reads that: it makes as much room as the file says, and goes
//! as deep.

use std::io::{Read, Result};

use super::thrift::{BINARY, BYTE, LONG, STRUCT, Thrift, wrong};

/// A footer may be no longer: it takes several times as much when it is read.
pub(super) const MAX_FOOTER_BYTES: u64 = 16 << 20;
const MAX_COLUMNS: u64 = 10_000;
const MAX_DEPTH: usize = 64;
const MAX_ROW_GROUPS: u64 = 100_000;
/// Numbers of more digits are spelt digit by digit.
const MAX_DIGITS: i32 = 1_000;

/// Refuses a footer whose columns or row groups are too many, or too deep within each other.
pub(super) fn judge(footer: &[u8]) -> Result<()> {
    let mut thrift = Thrift::new(footer);
    let mut last = 0;
    // Every writer begins so; the library takes other orders too.
    for expected in 1..=4 {
        let strange = || wrong("the footer does not begin as it should");
        let (member, kind) = thrift.next_member(&mut last)?.ok_or_else(strange)?;
        match member {
            _ if member != expected => return Err(strange()),
            1 => thrift.number(kind).map(drop)?,
            2 => columns(&mut thrift, kind)?,
            3 => thrift.pass(kind, LONG)?,
            _ => {
                let (_, count) = thrift.list(kind)?;
                if count > MAX_ROW_GROUPS {
                    return Err(wrong(format!(
                        "{count} row groups; {MAX_ROW_GROUPS} are read at most"
                    )));
                }
            }
        }
    }
    Ok(())
}

fn columns<R: Read>(thrift: &mut Thrift<R>, kind: u8) -> Result<()> {
    let (element, count) = thrift.list(kind)?;
    if count > MAX_COLUMNS {
        return Err(wrong(format!(
            "{count} columns and groups; {MAX_COLUMNS} are read at most"
        )));
    }
    if element != STRUCT && count > 0 {
        return Err(wrong("the footer does not begin as it should"));
    }
    // Of each group that is open, how many are still to come.
    let mut open: Vec<u64> = Vec::new();
    for place in 0..count {
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        let within = column(thrift)?;
        if within > count - place - 1 {
            return Err(wrong("a group of more columns than there are"));
        }
        if within > 0 {
            open.push(within);
        } else {
            while open.pop_if(|left| *left == 0).is_some() {}
        }
        if open.len() > MAX_DEPTH {
            return Err(wrong(format!(
                "groups within groups, more than {MAX_DEPTH} deep"
            )));
        }
    }
    Ok(())
}

/// Passes over a column or a group; how many it says to have within it.
fn column<R: Read>(thrift: &mut Thrift<R>) -> Result<u64> {
    let mut within = 0;
    thrift.members(|it, member, kind| match member {
        5 => it.number(kind).map(|count| within = count),
        7 | 8 => it.number(kind).and_then(few_digits),
        1..=3 | 6 | 9 => it.number(kind).map(drop),
        4 => it.pass(kind, BINARY),
        10 if kind != STRUCT => Err(wrong("a member is of another kind than it should be")),
        10 => logical(it),
        _ => it.skip(kind),
    })?;
    u64::try_from(within).map_err(|_| wrong("a group of less than no columns"))
}

/// What the values of a column mean.
fn logical<R: Read>(thrift: &mut Thrift<R>) -> Result<()> {
    thrift.members(|it, meaning, kind| {
        if kind != STRUCT {
            return Err(wrong("a member is of another kind than it should be"));
        }
        it.members(|it, member, kind| match (meaning, member) {
            // Decimals.
            (5, 1 | 2) => it.number(kind).and_then(few_digits),
            // Times, and their unit.
            (7 | 8, 1) | (10, 2) => it.flag(kind),
            (7 | 8, 2) if kind == STRUCT => it.members(|it, _, kind| it.pass(kind, STRUCT)),
            (7 | 8, 2) => Err(wrong("a member is of another kind than it should be")),
            // Integers, and variants.
            (10 | 16, 1) => it.pass(kind, BYTE),
            // Places on the globe.
            (17 | 18, 1) => it.pass(kind, BINARY),
            (18, 2) => it.number(kind).map(drop),
            _ => it.skip(kind),
        })
    })
}

fn few_digits(digits: i32) -> Result<()> {
    if digits <= MAX_DIGITS {
        return Ok(());
    }
    Err(wrong(format!(
        "decimals of {digits} digits; {MAX_DIGITS} are read at most"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: [u8; 4] = [0x48, 0x01, b'r', 0];

    /// A footer of these columns, each as it stands in the file.
    fn footer(columns: &[Vec<u8>]) -> Vec<u8> {
        let count = u8::try_from(columns.len()).unwrap();
        assert!(count < 128);
        let mut footer = vec![0x15, 0x02, 0x19, 0xfc, count];
        footer.extend(columns.concat());
        footer.extend([0x16, 0x00, 0x19, 0x0c, 0]);
        footer
    }

    fn group(within: u8) -> Vec<u8> {
        vec![0x48, 0x01, b'g', 0x15, within * 2, 0]
    }

    fn refused(footer: &[u8]) -> String {
        judge(footer).unwrap_err().to_string()
    }

    #[test]
    fn groups_hold_no_more_than_there_is_and_not_too_deep() {
        judge(&footer(&[group(2), group(1), ROOT.to_vec(), ROOT.to_vec()])).unwrap();
        let says = refused(&footer(&[group(2), group(2), ROOT.to_vec()]));
        assert!(says.contains("more columns than there are"), "{says}");
        let huge = [0x48, 0x01, b'g', 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0];
        let says = refused(&footer(&[huge.to_vec()]));
        assert!(says.contains("more columns than there are"), "{says}");

        let nested = |depth: usize| {
            let mut columns = vec![group(1); depth];
            columns.push(ROOT.to_vec());
            footer(&columns)
        };
        judge(&nested(64)).unwrap();
        let says = refused(&nested(65));
        assert!(says.contains("64 deep"), "{says}");
    }

    #[test]
    fn what_the_library_would_read_otherwise_is_refused() {
        // The number of columns as a text, of which the library would read the length as that number.
        let strange = [0x48, 0x01, b'g', 0x18, 0x01, b'x', 0];
        let says = refused(&footer(&[strange.to_vec()]));
        assert!(says.contains("another kind"), "{says}");
        // The columns after the rows.
        let says = refused(&[0x15, 0x02, 0x26, 0x00, 0x0c, 0x04, 0x0c]);
        assert!(says.contains("begin"), "{says}");
    }

    #[test]
    fn columns_row_groups_and_digits_are_counted() {
        let many = [0x15, 0x02, 0x19, 0xfc, 0x91, 0x4e];
        assert!(
            refused(&many).contains("10001 columns"),
            "{}",
            refused(&many)
        );
        let mut many = footer(&[ROOT.to_vec()]);
        many.truncate(many.len() - 2);
        many.extend([0xfc, 0xa1, 0x8d, 0x06]);
        assert!(refused(&many).contains("100001 row"), "{}", refused(&many));
        let digits = [0x48, 0x01, b'd', 0x35, 0xd2, 0x0f, 0];
        let says = refused(&footer(&[digits.to_vec()]));
        assert!(says.contains("1001 digits"), "{says}");
    }
}
