//! Times the pieces of [`bench::micro`]: `cargo bench -p bench`.

use bench::micro::{ALL, Micro, measured};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

#[divan::bench(args = ALL.iter().map(Piece))]
fn piece(bencher: Bencher<'_, '_>, Piece(micro): Piece) {
    bencher
        .counter(ItemsCount::new(micro.operations))
        .with_inputs(micro.prepare)
        .bench_values(measured);
}

/// Shown by its name.
#[derive(Clone, Copy)]
struct Piece(&'static Micro);

impl std::fmt::Display for Piece {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.name)
    }
}
