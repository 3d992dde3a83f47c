// Puts a program and the files that it requires into one.
const fs = require("fs"), path = require("path");
const modules = new Map();
function add(file) {
  if (modules.has(file)) return;
  modules.set(file, "");
  const text = fs.readFileSync(file, "utf8").replace(/require\("(\.[^"]*)"\)/g, (_, name) => {
    const found = path.join(path.dirname(file), name + ".js");
    add(found);
    return `load(${JSON.stringify(found)})`;
  });
  modules.set(file, text);
}
add(process.argv[2]);
console.log("const modules = {}, loaded = {};");
console.log("const load = (name) => { if (!loaded[name]) { const module = { exports: {} }; loaded[name] = module; modules[name](module); } return loaded[name].exports; };");
for (const [name, text] of modules) console.log(`modules[${JSON.stringify(name)}] = (module) => {\n${text}};`);
console.log(`load(${JSON.stringify(process.argv[2])});`);
