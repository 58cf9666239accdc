// Connects with the right password, with a wrong one and with none.
import Redis from "ioredis";

const port = Number(process.env.GUIDE_PORT);

async function attempt(name: string, options: object): Promise<void> {
  const redis = new Redis({ host: "127.0.0.1", port, retryStrategy: () => null, ...options });
  const errors: string[] = [];
  redis.on("error", (err) => errors.push(err.message));
  try {
    await redis.set("who", name);
    console.log(name, "wrote", await redis.get("who"));
  } catch (err) {
    console.log(name, "failed:", (err as Error).message);
  }
  redis.disconnect();
  console.log(name, "events:", [...new Set(errors)]);
}

await attempt("password", { password: "s3cret" });
await attempt("default user", { username: "default", password: "s3cret" });
await attempt("wrong password", { password: "wrong" });
await attempt("unknown user", { username: "nobody", password: "s3cret" });
await attempt("none", {});
await attempt("url", { password: "s3cret", db: 2, tls: undefined, connectionName: "by options" });

const url = new Redis(`redis://:s3cret@127.0.0.1:${port}/2`);
console.log("url sees", await url.get("who"));
await url.quit();
console.log("end");
