use sockspec::subject::agent::laws;

/// Checks the laws of reading what an agent says with any bytes.
///
/// The last byte of the input says how long a line may be (its upper bits), and how many bytes before it
/// say where the others are cut (its lower four bits); each of these as a part of the length.
///
/// # Panics
/// When one of them does not hold.
pub fn agent(input: &[u8]) {
    let Some((shape, rest)) = input.split_last() else { return };
    let (stream, cuts) = rest.split_at(rest.len().saturating_sub(usize::from(shape & 15)));
    let cuts: Vec<_> = cuts.iter().map(|cut| usize::from(*cut) * stream.len() / 255).collect();
    let limit = [16, 64, 256, 1 << 16][usize::from(shape >> 4 & 3)];
    if let Err(broken) = laws::reading(stream, &cuts, limit) {
        panic!("{broken}");
    }
}
