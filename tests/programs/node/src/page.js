const names = JSON.parse(require("fs").readFileSync("/app/names.json"));
module.exports.page = (url) => `Hello, ${names[url.slice(1)] ?? "nobody"}!\n`;
