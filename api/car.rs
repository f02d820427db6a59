//! The function behind `/api/cars/{car}`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("car")
}
