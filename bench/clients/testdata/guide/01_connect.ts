import Redis from "ioredis";

// Connect to local Redis server on default port 6379
const redis = new Redis();

// Or connect with specific configuration
const redisWithConfig = new Redis({
  host: "localhost",
  port: 6379,
  password: "your-password", // Optional
  db: 0, // Database index
  retryDelayOnFailover: 100,
  maxRetriesPerRequest: 3,
});

// Test the connection
async function testConnection(): Promise<void> {
  try {
    const pong = await redis.ping();
    console.log("Redis connection successful:", pong);
  } catch (error) {
    console.error("Failed to connect to Redis:", error);
  }
}

testConnection();
