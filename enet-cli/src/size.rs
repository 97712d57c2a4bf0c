//! Amounts of bytes on the command line.

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// Reads a number of bytes per second that ENet has room for, with `K`, `M` or `G` for KiB, MiB or GiB if there is one.
pub(crate) fn bandwidth(text: &str) -> Result<u32, String> {
    let bytes = amount(text, 1)?;
    u32::try_from(bytes).map_err(|_| {
        format!(
            "{text} is not in 0..={}, which is what ENet can tell a client",
            u32::MAX
        )
    })
}

/// Reads an amount of memory in bytes: a number without a unit is of MiB.
pub(crate) fn memory(text: &str) -> Result<usize, String> {
    match usize::try_from(amount(text, MIB)?) {
        Ok(0) => Err(format!("{text} is not in 1..")),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(format!("{text} is more than this machine can address")),
    }
}

/// An amount of bytes for people.
pub(crate) fn shown(bytes: usize) -> String {
    let bytes = bytes as u64;
    let (unit, name) = match bytes {
        GIB.. => (GIB, "GiB"),
        MIB.. => (MIB, "MiB"),
        KIB.. => (KIB, "KiB"),
        _ => return format!("{bytes} B"),
    };
    let tenths = (bytes as f64 / unit as f64 * 10.0).round() / 10.0;
    format!("{tenths} {name}")
}

/// `unit` is that of a number without one. `10M`, `10m`, `10MB` and `10MiB` are the same: nobody wants the difference here.
fn amount(text: &str, unit: u64) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let unit = match suffix.trim_start().to_ascii_lowercase().as_str() {
        "" => Some(unit),
        "b" => Some(1),
        "k" | "kb" | "kib" => Some(KIB),
        "m" | "mb" | "mib" => Some(MIB),
        "g" | "gb" | "gib" => Some(GIB),
        _ => None,
    };
    let (Some(unit), false) = (unit, number.is_empty()) else {
        return Err(format!(
            "{text} is no size: give a whole number, and K, M or G if you like, such as 512K or 10M"
        ));
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.ok_or_else(|| format!("{text} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_people_write() {
        for (text, bytes) in [
            ("0", 0),
            ("100000", 100_000),
            ("64b", 64),
            ("64K", 65536),
            ("10M", 10 << 20),
            ("10mb", 10 << 20),
            ("3 MiB", 3 << 20),
        ] {
            assert_eq!(bandwidth(text), Ok(bytes), "{text}");
        }
        for (text, bytes) in [
            ("64", 64 << 20),
            ("64M", 64 << 20),
            ("2G", 2 << 30),
            ("100k", 100 << 10),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_by_its_name() {
        for bad in ["", "-5", "M", "1.5M", "10X", "10 M B", "١"] {
            let message = bandwidth(bad).expect_err(bad);
            assert!(message.starts_with(&format!("{bad} is no size")), "{message}");
        }
        assert!(bandwidth("4G").is_err_and(|message| message.contains("4294967295")));
        assert!(memory("0").is_err_and(|message| message.contains("1..")));
        assert!(memory("99999999999999999999").is_err_and(|message| message.contains("too large")));
        assert!(memory("18000000000G").is_err_and(|message| message.contains("too large")));
    }

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        for (bytes, text) in [
            (999, "999 B"),
            (1 << 20, "1 MiB"),
            (1 << 30, "1 GiB"),
            (1_600_000_000, "1.5 GiB"),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }
}
