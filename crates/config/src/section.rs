//! Sections of the file: a typed struct, its defaults and the names of its keys from one list.

/// Declares a section. `@serde(…)` before a field passes attributes to serde.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $(@serde($($attribute:tt)*))? $field:ident : $kind:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name { $($(#[$field_doc])* $(#[serde($($attribute)*)])? pub $field: $kind,)* }
        impl $name {
            /// The fields' names; keys have hyphens for underscores.
            pub(crate) const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }
        impl Default for $name {
            fn default() -> Self { Self { $($field: $default,)* } }
        }
    };
}

pub(crate) use section;
