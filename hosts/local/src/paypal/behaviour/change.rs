//! Removes and replaces members of a response body.

use serde_json::{Map, Value};

/// A path is a JSON pointer in which `*` is any item, or the bare name of members anywhere.
pub(super) fn apply(body: &mut Value, remove: &[String], set: &Map<String, Value>) {
    for path in remove {
        change(body, path, &|parent, name| {
            parent.remove(name);
        });
    }
    for (path, value) in set {
        let is_pointer = path.starts_with('/');
        change(body, path, &|parent, name| {
            if is_pointer || parent.contains_key(name) {
                parent.insert(name.to_owned(), value.clone());
            }
        });
    }
}

fn change(body: &mut Value, path: &str, act: &dyn Fn(&mut Map<String, Value>, &str)) {
    match path.strip_prefix('/') {
        Some(pointer) => {
            let steps: Vec<String> = pointer
                .split('/')
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect();
            descend(body, &steps, act);
        }
        None => everywhere(body, path, act),
    }
}

fn descend(value: &mut Value, steps: &[String], act: &dyn Fn(&mut Map<String, Value>, &str)) {
    let [step, rest @ ..] = steps else { return };
    match value {
        Value::Object(members) if rest.is_empty() => act(members, step),
        Value::Object(members) => {
            if let Some(member) = members.get_mut(step) {
                descend(member, rest, act);
            }
        }
        Value::Array(items) if step == "*" => {
            for item in items {
                descend(item, rest, act);
            }
        }
        Value::Array(items) => {
            if let Some(item) = step
                .parse()
                .ok()
                .and_then(|index: usize| items.get_mut(index))
            {
                descend(item, rest, act);
            }
        }
        _ => {}
    }
}

fn everywhere(value: &mut Value, name: &str, act: &dyn Fn(&mut Map<String, Value>, &str)) {
    match value {
        Value::Object(members) => {
            act(members, name);
            for member in members.values_mut() {
                everywhere(member, name, act);
            }
        }
        Value::Array(items) => {
            for item in items {
                everywhere(item, name, act);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(remove: &[&str], set: Value) -> Value {
        let mut body = json!({
            "status": "COMPLETED",
            "units": [{"payments": {"a": [{"status": "X", "id": 1}, {"status": "Y"}]}}],
        });
        let remove: Vec<String> = remove.iter().map(|path| (*path).to_owned()).collect();
        let Value::Object(set) = set else {
            unreachable!()
        };
        apply(&mut body, &remove, &set);
        body
    }

    #[test]
    fn pointers_name_one_place() {
        assert_eq!(
            changed(
                &["/units/0/payments/a/1/status", "/none/x"],
                json!({"/status": null, "/new": 1})
            ),
            json!({
                "status": null, "new": 1,
                "units": [{"payments": {"a": [{"status": "X", "id": 1}, {}]}}],
            })
        );
        assert_eq!(
            changed(&[], json!({"/units/*/payments/a/*/status": "Z"}))["units"],
            json!([{"payments": {"a": [{"status": "Z", "id": 1}, {"status": "Z"}]}}])
        );
    }

    #[test]
    fn names_mean_existing_members_anywhere() {
        assert_eq!(
            changed(&["id"], json!({"status": "NEW", "missing": 1})),
            json!({
                "status": "NEW",
                "units": [{"payments": {"a": [{"status": "NEW"}, {"status": "NEW"}]}}],
            })
        );
    }
}
