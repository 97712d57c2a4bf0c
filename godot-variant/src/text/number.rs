//! Floats as text.

use std::fmt;

/// Digits behind the first that a float of 64 bits is written with by `str()`, and one of 32 bits.
const DIGITS_64: i32 = 14;
const DIGITS_32: i32 = 6;

/// Digits behind the point of the parts of a colour.
const DIGITS_COLOR: i32 = 4;

/// As `str()` writes a float: no exponent, 15 digits, a point.
pub(super) fn plain(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    rounded(value, decimals(value, DIGITS_64), true, f)
}

/// As `str()` writes a component of a vector; with a point if `point` says so.
pub(super) fn component(value: f32, point: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = f64::from(value);
    rounded(value, decimals(value, DIGITS_32), point, f)
}

/// As `str()` writes a part of a colour.
pub(super) fn color(value: f32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if value == 0.0 && value.is_sign_negative() {
        return f.write_str("-0.0");
    }
    rounded(value.into(), DIGITS_COLOR, true, f)
}

/// Digits behind the point, fewer for numbers that have many before it, down to below none.
fn decimals(value: f64, digits: i32) -> i32 {
    let size = value.abs();
    let before = if size.is_finite() && size > 10.0 {
        size.log10().floor() as i32
    } else {
        0
    };
    digits - before
}

/// Whole numbers that fit in 64 bits have a point if `point` says so. All others have one, but where exactly no digits are left
/// behind it.
fn rounded(value: f64, decimals: i32, point: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !value.is_finite() {
        return f.write_str(not_finite(value, "-inf"));
    }
    if value == 0.0 {
        return f.write_str(if point { "0.0" } else { "0" });
    }
    let places = usize::try_from(decimals).unwrap_or(0);
    let text = format!("{value:.places$}");
    let short = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    f.write_str(short)?;
    let whole = value.fract() == 0.0 && value.abs() < -(i64::MIN as f64);
    let point = if whole { point } else { decimals != 0 };
    if point && !short.contains('.') {
        f.write_str(".0")?;
    }
    Ok(())
}

fn not_finite(value: f64, negative: &'static str) -> &'static str {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        negative
    }
}

/// As `var_to_str()` writes a float: the fewest digits that give it back, and a point or an exponent. A number of 32 bits has the
/// fewest digits that give that back.
pub(super) fn exact(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    exact_float(value, true, f)
}

/// The same without the point.
pub(super) fn exact_element(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    exact_float(value, false, f)
}

fn exact_float(value: f64, point: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let short = value as f32;
    if f64::from(short) == value {
        return shortest(value, &digits_of_32(short), point, f);
    }
    shortest(value, &format!("{value:e}"), point, f)
}

/// The same of 32 bits.
pub(super) fn exact_component(value: f32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    shortest(value.into(), &digits_of_32(value), false, f)
}

/// The fewest digits, with an exponent. Of two last digits that are as near, Godot takes now one, now the other.
fn digits_of_32(value: f32) -> String {
    let scientific = format!("{value:e}");
    // Rust takes digits that are half-way to the next number if they are rounded back to this one; Godot takes one more.
    if is_half_way(value, &scientific) {
        let digits = scientific
            .bytes()
            .take_while(|byte| *byte != b'e')
            .filter(u8::is_ascii_digit)
            .count();
        return format!("{value:.digits$e}");
    }
    scientific
}

/// Whether the digits are as near to a neighbour as to the number itself. Exact: a float of 64 bits holds what is in the middle.
fn is_half_way(value: f32, digits: &str) -> bool {
    let read: f64 = digits.parse().unwrap_or(f64::NAN);
    let middle = |neighbour: f32| f64::midpoint(value.into(), neighbour.into());
    read == middle(value.next_up()) || read == middle(value.next_down())
}

/// `scientific` is the number with the fewest digits: "1.5e-7".
fn shortest(value: f64, scientific: &str, point: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !value.is_finite() {
        return f.write_str(not_finite(value, "inf_neg"));
    }
    if value == 0.0 {
        return f.write_str(if point { "0.0" } else { "0" });
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(f, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    f.write_str(sign)?;
    let Ok(before) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return write!(f, "0.{:0<zeros$}{digits}", "");
    };
    if before == 0 {
        write!(f, "0.{digits}")
    } else if digits.len() > before {
        let (whole, rest) = digits.split_at(before);
        write!(f, "{whole}.{rest}")
    } else {
        write!(f, "{digits:0<before$}{}", if point { ".0" } else { "" })
    }
}
