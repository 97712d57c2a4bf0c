//! Between quaternions and matrices.

use crate::{Basis, Quaternion, Vector3};

/// How far from equal the lengths of axes may be, and from a right angle their products.
const CONFORMAL_TOLERANCE: f32 = 1e-5;

/// How far from 1 the determinant of a rotation may be.
const UNIT_TOLERANCE: f32 = 1e-3;

/// The matrix of a rotation; not finite for the quaternion of zeros.
pub(super) fn basis(turn: Quaternion) -> Basis {
    let Quaternion { x, y, z, w } = turn;
    let scale = 2.0 / (x * x + y * y + z * z + w * w);
    let [xs, ys, zs] = [x, y, z].map(|part| part * scale);
    let (wx, wy, wz) = (w * xs, w * ys, w * zs);
    let (xx, xy, xz) = (x * xs, x * ys, x * zs);
    let (yy, yz, zz) = (y * ys, y * zs, z * zs);
    Basis::from([
        1.0 - (yy + zz),
        xy - wz,
        xz + wy,
        xy + wz,
        1.0 - (xx + zz),
        yz - wx,
        xz - wy,
        yz + wx,
        1.0 - (xx + yy),
    ])
}

/// The rotation of a matrix; none if it is not one, for which Godot prints an error.
pub(super) fn quaternion(basis: &Basis) -> Quaternion {
    if !is_rotation(basis) {
        return Quaternion::default();
    }
    let m = basis.rows.map(<[f32; 3]>::from);
    let trace = m[0][0] + m[1][1] + m[2][2];
    if trace > 0.0 {
        let root = (trace + 1.0).sqrt();
        let scale = 0.5 / root;
        return Quaternion::new(
            (m[2][1] - m[1][2]) * scale,
            (m[0][2] - m[2][0]) * scale,
            (m[1][0] - m[0][1]) * scale,
            root * 0.5,
        );
    }
    // The largest on the diagonal, so that the root is far from zero.
    let i = if m[0][0] < m[1][1] {
        if m[1][1] < m[2][2] { 2 } else { 1 }
    } else if m[0][0] < m[2][2] {
        2
    } else {
        0
    };
    let (j, k) = ((i + 1) % 3, (i + 2) % 3);
    let root = (m[i][i] - m[j][j] - m[k][k] + 1.0).sqrt();
    let scale = 0.5 / root;
    let mut parts = [0.0; 4];
    parts[i] = root * 0.5;
    parts[j] = (m[j][i] + m[i][j]) * scale;
    parts[k] = (m[k][i] + m[i][k]) * scale;
    parts[3] = (m[k][j] - m[j][k]) * scale;
    Quaternion::from(parts)
}

fn is_rotation(basis: &Basis) -> bool {
    let [x, y, z] = basis.columns();
    let length = dot(x, x);
    let alike = |other: f32| (length - other).abs() <= CONFORMAL_TOLERANCE * length.abs().max(1.0);
    let right = |product: f32| product.abs() < CONFORMAL_TOLERANCE;
    alike(dot(y, y))
        && alike(dot(z, z))
        && right(dot(x, y))
        && right(dot(x, z))
        && right(dot(y, z))
        && (dot(x, cross(y, z)) - 1.0).abs() < UNIT_TOLERANCE
}

fn dot(a: Vector3, b: Vector3) -> f32 {
    a.x * b.x + a.y * b.y + a.z * b.z
}

fn cross(a: Vector3, b: Vector3) -> Vector3 {
    Vector3::new(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_a_quaternion_gives_it_back() {
        for turn in [
            [0.5, 0.5, -0.5, 0.5],
            [0.0, 0.0, 0.0, 1.0],
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
            [0.8, 0.0, 0.6, 0.0],
        ] {
            let turn = Quaternion::from(turn);
            let back = quaternion(&basis(turn));
            let off = <[f32; 4]>::from(back).into_iter().zip(<[f32; 4]>::from(turn));
            assert!(
                off.map(|(a, b)| (a - b).abs()).all(|off| off < 1e-6),
                "{turn:?} {back:?}"
            );
        }
    }

    #[test]
    fn mirrors_and_stretches_are_no_rotations() {
        let mirror = Basis::from([1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0]);
        let stretch = Basis::from([2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0]);
        for basis in [mirror, stretch, Basis::from([f32::NAN; 9])] {
            assert_eq!(quaternion(&basis), Quaternion::default());
        }
    }
}
