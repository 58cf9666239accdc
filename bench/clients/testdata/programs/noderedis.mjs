// A tour with node-redis: connecting, the five types, transactions, pub/sub,
// blocking reads and iterators, with RESP2 and with RESP3.
import { createClient } from "redis";

const port = Number(process.env.GUIDE_PORT);

async function say(name, promise) {
  try {
    console.log(name, await promise);
  } catch (err) {
    console.log(name, "failed:", err.constructor.name, err.message);
  }
}

async function collect(iterator) {
  const all = [];
  for await (const batch of iterator) all.push(...[batch].flat());
  return all.map((x) => JSON.stringify(x)).sort();
}

async function values(redis) {
  await say("set", redis.set("s", "value", { EX: 100, NX: true }));
  await say("set again", redis.set("s", "other", { NX: true }));
  await say("set get", redis.set("s", "other", { GET: true, KEEPTTL: true }));
  await say("ttl", redis.ttl("s"));
  await say("getEx", redis.getEx("s", { type: "PERSIST" }));
  await say("incrByFloat", redis.incrByFloat("f", 1.5));
  await say("mGet", redis.mGet(["s", "none", "f"]));
  await say("wrong type", redis.lPush("s", "x"));
  await say("setRange", redis.setRange("s", 8, "!"));
  await say("getRange", redis.getRange("s", 0, -1));

  await say("rPush", redis.rPush("l", ["a", "b", "c", "b"]));
  await say("lRange", redis.lRange("l", 0, -1));
  await say("lPos", redis.lPosCount("l", "b", 2));
  await say("lMove", redis.lMove("l", "l2", "LEFT", "RIGHT"));
  await say("lmPop", redis.lmPop(["none", "l"], "RIGHT", { COUNT: 2 }));
  await say("lPopCount", redis.lPopCount("none", 2));

  await say("hSet", redis.hSet("h", { name: "ann", age: "33" }));
  await say("hGetAll", redis.hGetAll("h"));
  await say("hGetAll none", redis.hGetAll("none"));
  await say("hIncrBy", redis.hIncrBy("h", "age", 2));
  await say("hRandField", redis.hRandFieldCountWithValues("none", 2));
  await say("hScan", collect(redis.hScanIterator("h")));

  await say("sAdd", redis.sAdd("set", ["1", "2", "3"]));
  await say("sMembers", redis.sMembers("set").then((m) => [...m].sort()));
  await say("smIsMember", redis.smIsMember("set", ["1", "9"]));
  await say("sInterCard", redis.sInterCard(["set", "set"], { LIMIT: 2 }));
  await say("sPopCount", redis.sPopCount("none", 2));

  await say("zAdd", redis.zAdd("z", [{ score: 1, value: "a" }, { score: 2.5, value: "b" }, { score: Infinity, value: "c" }]));
  await say("zRangeWithScores", redis.zRangeWithScores("z", 0, -1));
  await say("zRange by score", redis.zRange("z", "(1", "+inf", { BY: "SCORE", REV: false, LIMIT: { offset: 0, count: 1 } }));
  await say("zScore", redis.zScore("z", "b"));
  await say("zScore none", redis.zScore("z", "none"));
  await say("zmScore", redis.zmScore("z", ["a", "none"]));
  await say("zIncrBy", redis.zIncrBy("z", 0.1, "a"));
  await say("zPopMin", redis.zPopMin("z"));
  await say("zmPop", redis.zmPop(["z"], "MAX"));
  await say("zPopMaxCount", redis.zPopMaxCount("none", 2));

  await say("type", Promise.all(["s", "l", "h", "set", "z", "none"].map((k) => redis.type(k))));
  await say("scan", collect(redis.scanIterator({ MATCH: "?", COUNT: 3 })));
  await say("copy", redis.copy("s", "s2"));
  await say("rename", redis.rename("none", "x"));
  await say("unlink", redis.unlink(["s2", "none"]));
}

async function transactions(redis) {
  await say("multi", redis.multi().set("m", 1).incr("m").get("m").lRange("none", 0, -1).exec());
  await say("multi error", redis.multi().set("m", "x").incr("m").exec());
  const watched = await redis.duplicate().connect();
  await watched.watch("m");
  await redis.set("m", 7);
  await say("watch", watched.multi().set("m", 8).exec());
  await say("after", redis.get("m"));
  await watched.close();
  await say("pipeline", Promise.all([redis.set("p", 1), redis.incr("p"), redis.get("p")]));
}

async function messages(redis) {
  const subscriber = await redis.duplicate().connect();
  const inbox = [];
  let wake = () => {};
  const got = (...message) => { inbox.push(message.join(" ")); wake(); };
  const count = (n) => new Promise((done) => { wake = () => inbox.length >= n && done(inbox.slice().sort()); wake(); });
  await subscriber.subscribe("news", (message, channel) => got(channel, message));
  await subscriber.pSubscribe("n*", (message, channel) => got("pattern", channel, message));
  await subscriber.sSubscribe("shard", (message, channel) => got("shard", channel, message));
  await say("publish", redis.publish("news", "hello"));
  await say("sPublish", redis.sPublish("shard", "hello"));
  await say("inbox", count(3));
  await say("numSub", redis.pubSubNumSub(["news", "none"]));
  await say("channels", redis.pubSubChannels());
  await subscriber.unsubscribe();
  await subscriber.pUnsubscribe();
  await say("publish", redis.publish("news", "nobody"));
  await subscriber.close();
}

async function blocking(redis) {
  const other = await redis.duplicate().connect();
  const popped = other.blPop(["q1", "q2"], 5);
  const min = redis.duplicate();
  await min.connect();
  const lowest = min.bzPopMin("bz", 5);
  await redis.rPush("q2", ["job", "next"]);
  await redis.zAdd("bz", { score: 4, value: "m" });
  await say("blPop", popped);
  await say("bzPopMin", lowest);
  await say("blMove", other.blMove("q2", "q3", "LEFT", "LEFT", 1));
  await say("blPop timeout", other.blPop("none", 0.05));
  await Promise.all([other.close(), min.close()]);
}

for (const RESP of [2, 3]) {
  console.log("RESP", RESP);
  const redis = createClient({ socket: { host: "127.0.0.1", port }, RESP, database: RESP, name: "tour" });
  redis.on("error", (err) => console.log("error", err.message));
  await redis.connect();
  await say("ping", redis.ping());
  await say("name", redis.clientGetName());
  await say("database", redis.clientInfo().then((info) => info.db));
  await values(redis);
  await transactions(redis);
  await messages(redis);
  await blocking(redis);
  await say("config", redis.configGet("appendonly").then((c) => Object.keys(c)));
  await say("dbSize", redis.dbSize());
  await redis.close();
}
console.log("end");
