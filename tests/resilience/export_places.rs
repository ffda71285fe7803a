//! Where exports of the scenarios go, and what is to be seen there.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use rail_tests::moto::Moto;
use rail_tests::processes::Installation;
use rail_tests::stores::ObjectStore;
use serde_json::{Value, json};

use crate::export_layouts::Layout;

/// Where an export goes.
pub enum Place {
    /// The operator's folder.
    Folder,
    /// A bucket of the operator's.
    Bucket(Rc<Moto>, String),
    /// A container of the operator's, and a folder of its own there.
    Container(Rc<RefCell<ObjectStore>>, u64),
}

/// A file that whoever looks can see.
pub struct Visible {
    /// As a run tells it.
    pub path: String,
    pub content: Vec<u8>,
}

impl Visible {
    /// Whether it holds all that it is to hold.
    pub fn is_whole(&self, records: usize) -> bool {
        match Layout::of(&self.path) {
            Some(layout) => layout.count(&self.content) == Some(records),
            None if self.path.ends_with(".xsd") => self.content.ends_with(b"</xs:schema>\n"),
            None => serde_json::from_slice::<Value>(&self.content).is_ok(),
        }
    }
}

impl Place {
    /// As an export names it, with a path of its own.
    pub fn destination(&self, path: &str) -> Value {
        match self {
            Self::Folder => json!({"type": "LOCAL", "path": path}),
            Self::Bucket(_, bucket) => json!({"type": "S3", "bucket": bucket, "path": path}),
            Self::Container(store, lane) => {
                json!({
                    "type": "AZURE_BLOB", "container": store.borrow().credential("container"), "path": format!("{lane}/{path}")
                })
            }
        }
    }

    /// The files below a path that are not hidden.
    pub async fn visible(&self, installation: &Installation, path: &str) -> Vec<Visible> {
        match self {
            Self::Folder => in_folder(&installation.export_dir().join(path)),
            Self::Bucket(moto, bucket) => in_bucket(moto, bucket, path).await,
            Self::Container(store, lane) => {
                in_container(&mut store.borrow_mut(), &format!("{lane}/{path}"))
            }
        }
    }

    /// How many files it keeps that were begun and not ended, which nobody sees: Azure drops them by itself.
    pub async fn unfinished(&self) -> usize {
        match self {
            Self::Folder | Self::Container(..) => 0,
            Self::Bucket(moto, bucket) => listed(moto, bucket, "uploads", "UploadId").await.len(),
        }
    }
}

fn in_folder(folder: &Path) -> Vec<Visible> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let seen = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    seen.map(|entry| Visible {
        path: entry.path().display().to_string(),
        content: fs::read(entry.path()).unwrap_or_default(),
    })
    .collect()
}

async fn in_bucket(moto: &Moto, bucket: &str, path: &str) -> Vec<Visible> {
    let mut seen = Vec::new();
    for key in listed(moto, bucket, &format!("list-type=2&prefix={path}/"), "Key").await {
        let (status, content) = moto.look(&format!("{bucket}/{key}")).await.expect("moto");
        assert_eq!(status, 200, "{key}");
        let path = format!("s3://{bucket}/{key}");
        seen.push(Visible { path, content });
    }
    seen
}

async fn listed(moto: &Moto, bucket: &str, query: &str, element: &str) -> Vec<String> {
    let (status, body) = moto.look(&format!("{bucket}?{query}")).await.expect("moto");
    assert_eq!(status, 200);
    let xml = String::from_utf8(body).expect("a listing");
    let opening = format!("<{element}>");
    let text = |rest: &str| rest.split('<').next().unwrap_or_default().to_owned();
    xml.split(&opening).skip(1).map(text).collect()
}

fn in_container(store: &mut ObjectStore, path: &str) -> Vec<Visible> {
    let folder = format!("{path}/");
    let container = format!(
        "{}/{}/{}",
        store.base_url(),
        store.credential("account"),
        store.credential("container")
    );
    let listed = store.listed().into_iter().map(|object| object.key);
    let keys: Vec<String> = listed.filter(|key| key.starts_with(&folder)).collect();
    keys.into_iter()
        .map(|key| Visible {
            content: store.get(&key),
            path: format!("{container}/{key}"),
        })
        .collect()
}
