//! Every error that a client can meet: its code, its status and its text (RFC 9457).
//!
//! The client gets a code and a text that says what to do. The log gets the chain of causes.
//! Neither gets secrets, SQL or personal data.

mod codes;
mod input;
mod problem;
mod refusals;
mod upstream;

pub use codes::Code;
pub use problem::Problem;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::supabase::DatabaseError;

    #[test]
    fn codes_are_unique_and_ordered_by_status() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert!(
                Code::ALL[..at]
                    .iter()
                    .all(|other| other.name() != code.name())
            );
        }
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].status() <= pair[1].status())
        );
    }

    #[test]
    fn cause_is_hidden_from_client() {
        let problem = Problem::from(DatabaseError::Unexpected {
            function: "create_booking",
            status: http::StatusCode::BAD_REQUEST,
            code: "42601".into(),
            message: "syntax error at or near \"SELECT\"".into(),
        });
        let body = problem.body("r1").to_string();
        assert!(
            !body.contains("SELECT") && !body.contains("create_booking"),
            "{body}"
        );
        assert!(problem.cause_chain().contains("SELECT"));
    }
}
