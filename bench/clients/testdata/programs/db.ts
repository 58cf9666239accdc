// Works in database 3 beside database 0, moves keys between the two and swaps
// them.
import Redis from "ioredis";

const port = Number(process.env.GUIDE_PORT);
const zero = new Redis({ host: "127.0.0.1", port, connectionName: "zero" });
const three = new Redis({ host: "127.0.0.1", port, db: 3, connectionName: "three" });

await three.set("here", "three");
await three.set("both", 3);
await zero.set("both", 0);
console.log("0:", await zero.mget("here", "both"), await zero.dbsize());
console.log("3:", await three.mget("here", "both"), await three.dbsize());

const list = (await three.client("LIST")) as string;
const dbs = list.trim().split("\n").map((line) => [/ name=(\S*)/.exec(line)?.[1], / db=(\d+)/.exec(line)?.[1]].join(" in "));
console.log("clients:", dbs.sort());

console.log("move:", await three.move("here", 0), await three.move("both", 0));
console.log("0:", (await zero.keys("*")).sort(), "3:", (await three.keys("*")).sort());
console.log("swap:", await zero.swapdb(0, 3), await zero.get("both"), await three.get("both"));
console.log("copy:", await three.copy("here", "there", "DB", 1), await zero.select(1), await zero.get("there"));

for (const db of [15, 16, -1, "x"]) {
  try {
    console.log("select", db, await zero.select(db as number));
  } catch (err) {
    console.log("select", db, (err as Error).message);
  }
}
await three.flushdb();
console.log("flushed:", await three.dbsize(), await zero.select(0), await zero.dbsize());
await zero.flushall();
await Promise.all([zero.quit(), three.quit()]);
console.log("end");
