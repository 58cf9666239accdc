import Redis from "ioredis";

const redis = new Redis();

async function stringOperations(): Promise<void> {
  // SET: Store a simple string value
  await redis.set("username", "john_doe");

  // GET: Retrieve the stored value
  const username = await redis.get("username");
  console.log("Username:", username); // Output: john_doe

  // SETEX: Set with expiration (in seconds)
  await redis.setex("session_token", 3600, "abc123xyz");

  // SETNX: Set only if key does not exist
  const wasSet = await redis.setnx("unique_key", "value");
  console.log("Key was set:", wasSet === 1);

  // MSET: Set multiple keys at once
  await redis.mset("key1", "value1", "key2", "value2", "key3", "value3");

  // MGET: Get multiple keys at once
  const values = await redis.mget("key1", "key2", "key3");
  console.log("Multiple values:", values);

  // INCR/DECR: Atomic increment and decrement
  await redis.set("counter", "10");
  await redis.incr("counter");
  await redis.incrby("counter", 5);
  const counter = await redis.get("counter");
  console.log("Counter value:", counter); // Output: 16

  // APPEND: Append to existing string
  await redis.append("username", "_admin");
  const updatedUsername = await redis.get("username");
  console.log("Updated username:", updatedUsername); // Output: john_doe_admin
}

stringOperations();
