fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let text = std::fs::read_to_string(path).expect("text");
    println!("longest: {}", words::longest(&text).unwrap_or("nothing"));
}
