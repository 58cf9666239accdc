// Prints what becomes of a connection while the server is stopped and started
// again: each kind of event once between two times of being ready, as the
// number of attempts is a matter of time.
import Redis from "ioredis";

const port = Number(process.env.GUIDE_PORT);
const redis = new Redis({ host: "127.0.0.1", port, db: 3, retryStrategy: () => 50, maxRetriesPerRequest: null });
const subscriber = new Redis({ host: "127.0.0.1", port, retryStrategy: () => 50, maxRetriesPerRequest: null });

let seen = new Set<string>();
let ready = 0;

function note(event: string, detail = ""): void {
  if (seen.has(event)) return;
  seen.add(event);
  console.log("event:", event, detail);
}

for (const event of ["connect", "ready", "close", "reconnecting", "end"]) {
  redis.on(event, () => {
    note(event);
    if (event === "ready") {
      seen = new Set();
      ready++;
      if (ready === 2) afterwards();
    }
  });
}
redis.on("error", (err: NodeJS.ErrnoException) => note("error", err.code));
subscriber.on("error", () => {});

subscriber.on("message", (channel, message) => console.log("message on", channel, "is", message));
await subscriber.subscribe("news");
await redis.set("kept", "no");
console.log("published to", await redis.publish("news", "before"));
console.log("now stop the server");

// A command given while there is no server waits for the next connection.
redis.once("reconnecting", async () => {
  console.log("waiting for:", await redis.set("queued", 1));
});

// The new connection is in database 3 again, and the subscription is renewed.
async function afterwards(): Promise<void> {
  while (((await redis.pubsub("NUMSUB", "news")) as unknown[])[1] === 0) {}
  console.log("keys:", (await redis.keys("*")).sort());
  const info = String(await redis.client("INFO" as "LIST"));
  console.log("database:", / db=(\d+)/.exec(info)?.[1]);
  console.log("published to", await redis.publish("news", "after"));
  subscriber.on("end", async () => {
    await redis.quit();
    redis.once("end", () => console.log("end"));
  });
  setTimeout(() => subscriber.quit(), 200);
}
