import Redis from "ioredis";

const redis = new Redis();

async function setOperations(): Promise<void> {
  // SADD: Add members to a set
  await redis.sadd("tags:post:1", "javascript", "typescript", "bun", "redis");
  await redis.sadd("tags:post:2", "python", "redis", "caching", "performance");

  // SMEMBERS: Get all members of a set
  const postTags = await redis.smembers("tags:post:1");
  console.log("Post 1 tags:", postTags);

  // SISMEMBER: Check if a value is in the set
  const hasTag = await redis.sismember("tags:post:1", "javascript");
  console.log("Has javascript tag:", hasTag === 1);

  // SCARD: Get the number of members
  const tagCount = await redis.scard("tags:post:1");
  console.log("Number of tags:", tagCount);

  // SREM: Remove a member from the set
  await redis.srem("tags:post:1", "bun");

  // SUNION: Get the union of multiple sets
  const allTags = await redis.sunion("tags:post:1", "tags:post:2");
  console.log("All unique tags:", allTags);

  // SINTER: Get the intersection of multiple sets
  const commonTags = await redis.sinter("tags:post:1", "tags:post:2");
  console.log("Common tags:", commonTags);

  // SDIFF: Get the difference between sets
  const uniqueToPost1 = await redis.sdiff("tags:post:1", "tags:post:2");
  console.log("Tags unique to post 1:", uniqueToPost1);

  // SRANDMEMBER: Get random members
  const randomTag = await redis.srandmember("tags:post:1");
  console.log("Random tag:", randomTag);

  // SPOP: Remove and return a random member
  const poppedTag = await redis.spop("tags:post:1");
  console.log("Popped tag:", poppedTag);
}

// Practical example: Online users tracking
async function trackOnlineUsers(): Promise<void> {
  const onlineKey = "users:online";

  // Add users to online set
  await redis.sadd(onlineKey, "user:1", "user:2", "user:3", "user:4");

  // Check if user is online
  const isOnline = await redis.sismember(onlineKey, "user:2");
  console.log("User 2 is online:", isOnline === 1);

  // Get online user count
  const onlineCount = await redis.scard(onlineKey);
  console.log("Online users:", onlineCount);

  // User goes offline
  await redis.srem(onlineKey, "user:3");
}

setOperations();
