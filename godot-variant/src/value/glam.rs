//! From and to glam's types.

use glam::{Affine2, Affine3A, IVec2, IVec3, IVec4, Mat2, Mat3, Mat4, Quat, Vec2, Vec3, Vec4};

use super::{
    Basis, Projection, Quaternion, Transform2D, Transform3D, Vector2, Vector2i, Vector3, Vector3i, Vector4, Vector4i,
};

macro_rules! through_arrays {
    ($($ours:ident, $theirs:ident, $array:ty;)*) => {
        $(
            impl From<$theirs> for $ours {
                fn from(value: $theirs) -> $ours {
                    $ours::from(<$array>::from(value))
                }
            }

            impl From<$ours> for $theirs {
                fn from(value: $ours) -> $theirs {
                    $theirs::from(<$array>::from(value))
                }
            }
        )*
    };
}

through_arrays! {
    Vector2, Vec2, [f32; 2];
    Vector2i, IVec2, [i32; 2];
    Vector3, Vec3, [f32; 3];
    Vector3i, IVec3, [i32; 3];
    Vector4, Vec4, [f32; 4];
    Vector4i, IVec4, [i32; 4];
}

impl From<Quat> for Quaternion {
    fn from(value: Quat) -> Quaternion {
        Quaternion::from(value.to_array())
    }
}

impl From<Quaternion> for Quat {
    fn from(value: Quaternion) -> Quat {
        Quat::from_array(value.into())
    }
}

impl From<Mat3> for Basis {
    fn from(value: Mat3) -> Basis {
        Basis::from_columns(value.x_axis.into(), value.y_axis.into(), value.z_axis.into())
    }
}

impl From<Basis> for Mat3 {
    fn from(value: Basis) -> Mat3 {
        let [x, y, z] = value.columns().map(Vec3::from);
        Mat3::from_cols(x, y, z)
    }
}

impl From<Mat4> for Projection {
    fn from(value: Mat4) -> Projection {
        Projection::from(value.to_cols_array())
    }
}

impl From<Projection> for Mat4 {
    fn from(value: Projection) -> Mat4 {
        Mat4::from_cols_array(&value.into())
    }
}

impl From<Affine2> for Transform2D {
    fn from(value: Affine2) -> Transform2D {
        Transform2D::from(value.to_cols_array())
    }
}

impl From<Transform2D> for Affine2 {
    fn from(value: Transform2D) -> Affine2 {
        let matrix = Mat2::from_cols(value.x.into(), value.y.into());
        Affine2::from_mat2_translation(matrix, value.origin.into())
    }
}

impl From<Affine3A> for Transform3D {
    fn from(value: Affine3A) -> Transform3D {
        Transform3D {
            basis: Mat3::from(value.matrix3).into(),
            origin: Vec3::from(value.translation).into(),
        }
    }
}

impl From<Transform3D> for Affine3A {
    fn from(value: Transform3D) -> Affine3A {
        Affine3A::from_mat3_translation(value.basis.into(), value.origin.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_moved_alike_by_a_transform_and_its_affine() {
        let transform = Transform3D {
            basis: Basis::from_columns([0.0, 1.0, 0.0].into(), [-1.0, 0.0, 0.0].into(), [0.0, 0.0, 1.0].into()),
            origin: [1.0, 2.0, 3.0].into(),
        };
        let affine = Affine3A::from(transform);
        assert_eq!(affine.transform_point3(Vec3::X), Vec3::new(1.0, 3.0, 3.0));
        assert_eq!(Transform3D::from(affine), transform);
    }

    #[test]
    fn matrices_keep_their_columns() {
        let numbers: [f32; 16] = std::array::from_fn(|at| f32::from(u8::try_from(at).expect("small")));
        let projection = Projection::from(numbers);
        let matrix = Mat4::from(projection);
        assert_eq!(matrix.y_axis, Vec4::from(projection.y));
        assert_eq!(Projection::from(matrix), projection);
        let flat = Transform2D::from([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(Affine2::from(flat).translation, Vec2::new(5.0, 6.0));
        assert_eq!(Transform2D::from(Affine2::from(flat)), flat);
        let turn = Quaternion::new(0.1, 0.2, 0.3, 0.9);
        assert_eq!(Quaternion::from(Quat::from(turn)), turn);
    }
}
