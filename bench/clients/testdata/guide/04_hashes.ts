import Redis from "ioredis";

const redis = new Redis();

interface User {
  id: string;
  name: string;
  email: string;
  role: string;
  createdAt: string;
}

async function hashOperations(): Promise<void> {
  const userId = "user:1001";

  // HSET: Set individual hash fields
  await redis.hset(userId, "name", "Jane Smith");
  await redis.hset(userId, "email", "jane@example.com");

  // HMSET: Set multiple hash fields at once
  await redis.hmset(userId, {
    role: "admin",
    createdAt: new Date().toISOString(),
    id: "1001",
  });

  // HGET: Get a single field
  const name = await redis.hget(userId, "name");
  console.log("User name:", name);

  // HMGET: Get multiple fields
  const fields = await redis.hmget(userId, "name", "email", "role");
  console.log("User fields:", fields);

  // HGETALL: Get all fields and values
  const user = await redis.hgetall(userId);
  console.log("Complete user object:", user);

  // HEXISTS: Check if a field exists
  const hasEmail = await redis.hexists(userId, "email");
  console.log("Has email field:", hasEmail === 1);

  // HDEL: Delete a specific field
  await redis.hdel(userId, "createdAt");

  // HINCRBY: Increment a numeric field
  await redis.hset(userId, "loginCount", "0");
  await redis.hincrby(userId, "loginCount", 1);
  const loginCount = await redis.hget(userId, "loginCount");
  console.log("Login count:", loginCount);

  // HKEYS: Get all field names
  const keys = await redis.hkeys(userId);
  console.log("Hash keys:", keys);

  // HVALS: Get all values
  const values = await redis.hvals(userId);
  console.log("Hash values:", values);
}

hashOperations();
