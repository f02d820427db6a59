//! The codes of all problems, with their status and title.

use http::StatusCode;

macro_rules! codes {
    ($($name:ident $code:literal $status:ident $retryable:literal $title:literal,)*) => {
        /// The code of a problem, for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, ordered by status.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The value of the member `code`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }

            pub(super) fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    MalformedJson              "malformed_json"               BAD_REQUEST            false "The body is not valid JSON",
    Unauthenticated            "unauthenticated"              UNAUTHORIZED           false "A valid token is required",
    PaymentDeclined            "payment_declined"             PAYMENT_REQUIRED       false "The payment was declined",
    NotFound                   "not_found"                    NOT_FOUND              false "There is nothing here",
    CarNotFound                "car_not_found"                NOT_FOUND              false "This car is not on offer",
    BookingNotFound            "booking_not_found"            NOT_FOUND              false "There is no such booking",
    OrderNotFound              "order_not_found"              NOT_FOUND              false "There is no such order",
    EventNotFound              "event_not_found"              NOT_FOUND              false "There is no such event",
    FindingNotFound            "finding_not_found"            NOT_FOUND              false "There is no such open finding",
    MethodNotAllowed           "method_not_allowed"           METHOD_NOT_ALLOWED     false "This route does not support the method",
    DatesUnavailable           "dates_unavailable"            CONFLICT               false "The car is not available on some of these days",
    HoldExpired                "hold_expired"                 CONFLICT               false "The hold has expired",
    BookingInProgress          "booking_in_progress"          CONFLICT               true  "Another booking of this car is being made",
    BookingMismatch            "booking_mismatch"             CONFLICT               false "The booking is for another car or other days",
    BookingNotPayable          "booking_not_payable"          CONFLICT               false "The booking can no longer be paid",
    AlreadyPaid                "already_paid"                 CONFLICT               false "The booking is already paid",
    PaymentInProgress          "payment_in_progress"          CONFLICT               true  "This payment is being processed",
    OrderNotApproved           "order_not_approved"           CONFLICT               false "The payer has not approved the order",
    OrderEnded                 "order_ended"                  CONFLICT               false "The order can no longer be used",
    PaymentMismatch            "payment_mismatch"             CONFLICT               false "The authorized amount differs from the price",
    BookingNotCancellable      "booking_not_cancellable"      CONFLICT               false "The booking can no longer be canceled",
    BookingCompleted           "booking_completed"            CONFLICT               false "The booking is completed",
    AlreadyCaptured            "already_captured"             CONFLICT               false "The payment is already captured",
    PaymentNotCapturable       "payment_not_capturable"       CONFLICT               false "The booking has no usable authorization",
    AuthorizationPending       "authorization_pending"        CONFLICT               true  "PayPal reviews the authorization",
    AuthorizationEnded         "authorization_ended"          CONFLICT               false "The authorization no longer holds money",
    RefundNotPossible          "refund_not_possible"          CONFLICT               false "This amount cannot be refunded",
    RefundWindowOver           "refund_window_over"           CONFLICT               false "PayPal no longer refunds this money",
    PayloadTooLarge            "payload_too_large"            PAYLOAD_TOO_LARGE      false "The body is larger than 64 KiB",
    UnsupportedMediaType       "unsupported_media_type"       UNSUPPORTED_MEDIA_TYPE false "The body must be application/json",
    InvalidFields              "invalid_fields"               UNPROCESSABLE_ENTITY   false "Some fields are missing or wrong",
    PriceMismatch              "price_mismatch"               UNPROCESSABLE_ENTITY   false "The price has changed",
    IdempotencyKeyReused       "idempotency_key_reused"       UNPROCESSABLE_ENTITY   false "The idempotency key was used with other content",
    RentalNotAllowed           "rental_not_allowed"           UNPROCESSABLE_ENTITY   false "The car cannot be rented for these days",
    RateLimited                "rate_limited"                 TOO_MANY_REQUESTS      true  "Too many requests",
    Internal                   "internal"                     INTERNAL_SERVER_ERROR  true  "Something went wrong on our side",
    PaymentProviderRefused     "payment_provider_refused"     BAD_GATEWAY            false "PayPal did not accept the request",
    DatabaseUnavailable        "database_unavailable"         SERVICE_UNAVAILABLE    true  "The database does not answer",
    PaymentProviderUnavailable "payment_provider_unavailable" SERVICE_UNAVAILABLE    true  "PayPal does not answer",
    NotConfigured              "not_configured"               SERVICE_UNAVAILABLE    false "The service is not configured",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        for (index, code) in Code::ALL.iter().enumerate() {
            let is_repeated = Code::ALL[..index]
                .iter()
                .any(|other| other.name() == code.name());
            assert!(!is_repeated, "{} is listed twice", code.name());
        }
    }

    /// `docs/API.md` lists the codes in the same order.
    #[test]
    fn codes_are_ordered_by_status() {
        for pair in Code::ALL.windows(2) {
            assert!(
                pair[0].status() <= pair[1].status(),
                "{} stands before {}",
                pair[0].name(),
                pair[1].name()
            );
        }
    }
}
