//! Identifiers of builds and sessions.

/// 25 letters and digits, as BuildKit makes them.
pub fn new_id() -> Result<String, getrandom::Error> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut bytes = [0_u8; 17];
    getrandom::fill(&mut bytes)?;
    let mut number = [0_u8; 16];
    number.copy_from_slice(&bytes[..16]);
    let mut number = u128::from_le_bytes(number);
    let mut id = String::with_capacity(25);
    for _ in 0..24 {
        id.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
    }
    id.push(char::from(DIGITS[usize::from(bytes[16] % 36)]));
    Ok(id)
}
