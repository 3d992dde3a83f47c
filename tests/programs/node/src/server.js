const http = require("http");
const { page } = require("./page");
http.createServer((request, response) => response.end(page(request.url))).listen(8000);
