//! Vectors, rectangles, rotations, matrices, colours: plain structs of components.
//!
//! Components are `f32`, as in official builds of Godot. Their arrays hold the components in the order of the wire.

macro_rules! scalars {
    ($(#[$doc:meta])* $name:ident: $scalar:ty, $count:literal, { $($(#[$field_doc:meta])* $field:ident),* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $scalar,)*
        }

        impl $name {
            /// Of its components.
            #[must_use]
            pub const fn new($($field: $scalar),*) -> $name {
                $name { $($field),* }
            }
        }

        /// Of the components in the order of the wire.
        impl From<[$scalar; $count]> for $name {
            fn from([$($field),*]: [$scalar; $count]) -> $name {
                $name { $($field),* }
            }
        }

        /// The components in the order of the wire.
        impl From<$name> for [$scalar; $count] {
            fn from(value: $name) -> [$scalar; $count] {
                [$(value.$field),*]
            }
        }
    };
}

scalars! {
    /// Two floats.
    #[derive(Default)]
    Vector2: f32, 2, {
        /// To the right.
        x,
        /// Down.
        y
    }
}
scalars! {
    /// Two integers.
    #[derive(Default, Eq, Hash)]
    Vector2i: i32, 2, {
        /// To the right.
        x,
        /// Down.
        y
    }
}
scalars! {
    /// Three floats.
    #[derive(Default)]
    Vector3: f32, 3, {
        /// To the right.
        x,
        /// Up.
        y,
        /// Towards the viewer.
        z
    }
}
scalars! {
    /// Three integers.
    #[derive(Default, Eq, Hash)]
    Vector3i: i32, 3, {
        /// To the right.
        x,
        /// Up.
        y,
        /// Towards the viewer.
        z
    }
}
scalars! {
    /// Four floats.
    #[derive(Default)]
    Vector4: f32, 4, {
        /// The first.
        x,
        /// The second.
        y,
        /// The third.
        z,
        /// The fourth.
        w
    }
}
scalars! {
    /// Four integers.
    #[derive(Default, Eq, Hash)]
    Vector4i: i32, 4, {
        /// The first.
        x,
        /// The second.
        y,
        /// The third.
        z,
        /// The fourth.
        w
    }
}
scalars! {
    /// A rotation; by default none.
    Quaternion: f32, 4, {
        /// Of the axis.
        x,
        /// Of the axis.
        y,
        /// Of the axis.
        z,
        /// The cosine of half the angle.
        w
    }
}
scalars! {
    /// A colour; 0 to 1, beyond it for overbright ones. By default opaque black.
    Color: f32, 4, {
        /// Red.
        r,
        /// Green.
        g,
        /// Blue.
        b,
        /// Opacity.
        a
    }
}

impl Default for Quaternion {
    fn default() -> Quaternion {
        Quaternion::new(0.0, 0.0, 0.0, 1.0)
    }
}

impl Default for Color {
    fn default() -> Color {
        Color::new(0.0, 0.0, 0.0, 1.0)
    }
}

impl Color {
    /// Of `0xRRGGBBAA`.
    #[must_use]
    pub fn from_rgba8(hex: u32) -> Color {
        Color::from(hex.to_be_bytes().map(|byte| f32::from(byte) / 255.0))
    }
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect2 {
    /// The corner with the smallest coordinates.
    pub position: Vector2,
    /// Width and height.
    pub size: Vector2,
}

/// A rectangle of integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect2i {
    /// The corner with the smallest coordinates.
    pub position: Vector2i,
    /// Width and height.
    pub size: Vector2i,
}

/// A matrix of 2 by 3: two columns and an origin. By default the identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform2D {
    /// The x axis, the first column.
    pub x: Vector2,
    /// The y axis, the second column.
    pub y: Vector2,
    /// The translation.
    pub origin: Vector2,
}

/// A plane: the points whose product with the normal is `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Plane {
    /// At a right angle to it.
    pub normal: Vector3,
    /// The distance from the origin.
    pub d: f32,
}

/// A box that is aligned with the axes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aabb {
    /// The corner with the smallest coordinates.
    pub position: Vector3,
    /// Width, height, depth.
    pub size: Vector3,
}

/// A matrix of 3 by 3. By default the identity.
///
/// It is kept by rows, as Godot keeps it; GDScript's constructor takes columns: [`from_columns`](Basis::from_columns).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basis {
    /// The rows.
    pub rows: [Vector3; 3],
}

/// A matrix of 3 by 4: a basis and an origin. By default the identity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transform3D {
    /// Rotation, scale, shear.
    pub basis: Basis,
    /// The translation.
    pub origin: Vector3,
}

/// A matrix of 4 by 4, by columns. By default the identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// The x axis, the first column.
    pub x: Vector4,
    /// The y axis, the second column.
    pub y: Vector4,
    /// The z axis, the third column.
    pub z: Vector4,
    /// The fourth column.
    pub w: Vector4,
}

impl Default for Transform2D {
    fn default() -> Transform2D {
        Transform2D {
            x: Vector2::new(1.0, 0.0),
            y: Vector2::new(0.0, 1.0),
            origin: Vector2::default(),
        }
    }
}

impl Default for Basis {
    fn default() -> Basis {
        Basis {
            rows: [
                Vector3::new(1.0, 0.0, 0.0),
                Vector3::new(0.0, 1.0, 0.0),
                Vector3::new(0.0, 0.0, 1.0),
            ],
        }
    }
}

impl Basis {
    /// Of its columns, which are the axes: GDScript's `Basis(x_axis, y_axis, z_axis)`.
    #[must_use]
    pub const fn from_columns(x: Vector3, y: Vector3, z: Vector3) -> Basis {
        Basis {
            rows: [
                Vector3::new(x.x, y.x, z.x),
                Vector3::new(x.y, y.y, z.y),
                Vector3::new(x.z, y.z, z.z),
            ],
        }
    }

    /// Its columns, which are the axes.
    #[must_use]
    pub const fn columns(&self) -> [Vector3; 3] {
        let [a, b, c] = self.rows;
        [
            Vector3::new(a.x, b.x, c.x),
            Vector3::new(a.y, b.y, c.y),
            Vector3::new(a.z, b.z, c.z),
        ]
    }
}

impl Default for Projection {
    fn default() -> Projection {
        Projection {
            x: Vector4::new(1.0, 0.0, 0.0, 0.0),
            y: Vector4::new(0.0, 1.0, 0.0, 0.0),
            z: Vector4::new(0.0, 0.0, 1.0, 0.0),
            w: Vector4::new(0.0, 0.0, 0.0, 1.0),
        }
    }
}

macro_rules! components {
    ($name:ident: [$scalar:ty; $count:literal], |[$($component:ident),*]| $whole:expr, |$value:ident| $parts:expr) => {
        /// Of the components in the order of the wire.
        impl From<[$scalar; $count]> for $name {
            fn from([$($component),*]: [$scalar; $count]) -> $name {
                $whole
            }
        }

        /// The components in the order of the wire.
        impl From<$name> for [$scalar; $count] {
            fn from($value: $name) -> [$scalar; $count] {
                $parts
            }
        }
    };
}

components!(Rect2: [f32; 4], |[x, y, w, h]| Rect2 { position: Vector2::new(x, y), size: Vector2::new(w, h) },
    |r| [r.position.x, r.position.y, r.size.x, r.size.y]);
components!(Rect2i: [i32; 4], |[x, y, w, h]| Rect2i { position: Vector2i::new(x, y), size: Vector2i::new(w, h) },
    |r| [r.position.x, r.position.y, r.size.x, r.size.y]);
components!(Transform2D: [f32; 6],
    |[a, b, c, d, e, f]| Transform2D { x: Vector2::new(a, b), y: Vector2::new(c, d), origin: Vector2::new(e, f) },
    |t| [t.x.x, t.x.y, t.y.x, t.y.y, t.origin.x, t.origin.y]);
components!(Plane: [f32; 4], |[x, y, z, d]| Plane { normal: Vector3::new(x, y, z), d },
    |p| [p.normal.x, p.normal.y, p.normal.z, p.d]);
components!(Aabb: [f32; 6],
    |[x, y, z, w, h, d]| Aabb { position: Vector3::new(x, y, z), size: Vector3::new(w, h, d) },
    |b| [b.position.x, b.position.y, b.position.z, b.size.x, b.size.y, b.size.z]);
components!(Basis: [f32; 9],
|[a, b, c, d, e, f, g, h, i]| Basis { rows: [Vector3::new(a, b, c), Vector3::new(d, e, f), Vector3::new(g, h, i)] },
|m| {
    let [[a, b, c], [d, e, f], [g, h, i]] = m.rows.map(<[f32; 3]>::from);
    [a, b, c, d, e, f, g, h, i]
});
components!(Transform3D: [f32; 12],
|[a, b, c, d, e, f, g, h, i, x, y, z]| Transform3D {
    basis: Basis::from([a, b, c, d, e, f, g, h, i]),
    origin: Vector3::new(x, y, z),
},
|t| {
    let [a, b, c, d, e, f, g, h, i] = <[f32; 9]>::from(t.basis);
    [a, b, c, d, e, f, g, h, i, t.origin.x, t.origin.y, t.origin.z]
});
components!(Projection: [f32; 16],
|[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]| Projection {
    x: Vector4::new(a, b, c, d),
    y: Vector4::new(e, f, g, h),
    z: Vector4::new(i, j, k, l),
    w: Vector4::new(m, n, o, p),
},
|q| {
    let [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]] = [q.x, q.y, q.z, q.w].map(<[f32; 4]>::from);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
});
